SELECT id FROM docs ORDER BY embedding <=> '[1,2,3]' LIMIT 2;
-- ours
SELECT id, embedding <-> '[1,2,3]', embedding <#> '[1,2,3]', embedding <+> '[1,2,3]' FROM docs;
-- ours
SELECT id FROM docs WHERE year > 2000 ORDER BY embedding <=> '[1,2,3]' LIMIT 2;
-- ours
SELECT id FROM docs WHERE (embedding <-> '[1,2,3]') + 0.5 < 3;
-- ours
SELECT id, body <@> 'apple' FROM docs WHERE body @@@ 'apple -tree' ORDER BY body <@> 'apple' LIMIT 3;
-- ours
SELECT id, rrf(embedding <=> '[1,2,3]', body <@> 'apple', k => 60, weights => '{1,2}') AS score FROM docs ORDER BY score DESC LIMIT 3;
-- ours
SELECT id FROM docs ORDER BY relative_score(embedding <=> '[1,2,3]', body <@> 'apple', pool => 50) DESC LIMIT 3;
-- ours
SELECT id FROM docs ORDER BY hybrid(embedding <=> '[1,2,3]', body <@> 'apple', alpha => 0.3) DESC LIMIT 3;
-- ours
SELECT avg(embedding), vector_dims(embedding), l2_distance(embedding, '[1,2,3]') FROM docs GROUP BY embedding;
-- ours
SELECT id, mmr(embedding <=> '[1,2,3]', balance => 0.7) AS score FROM docs ORDER BY score DESC LIMIT 3;
-- ours
SELECT id, explain_score() FROM docs ORDER BY mmr(rrf(embedding <=> '[1,2,3]', body <@> 'apple'), pool => 50) DESC LIMIT 3;
-- ours
SELECT id, explain_score(body <@> 'apple') FROM docs;
-- ours
