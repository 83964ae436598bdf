\pset null '~'
CREATE EXTENSION IF NOT EXISTS vector;
CREATE TABLE docs (id int PRIMARY KEY, category text NOT NULL, title text, body text, embedding vector(3));
INSERT INTO docs VALUES
  (1, 'fruit', 'Apple pie', 'a pie of red apples and sugar', '[1,2,3]'),
  (2, 'fruit', 'Green apples', 'green apples are sour', '[4,5,6]'),
  (3, 'sky', 'Blue', 'the blue sky over apple trees', '[1,1,1]'),
  (4, 'sky', 'Night', 'stars in the sky', NULL);
CREATE INDEX docs_vector ON docs USING hnsw (embedding vector_cosine_ops);
CREATE INDEX docs_text ON docs USING bm25 (body) WITH (text_config = 'english', k1 = 1.2, b = 0.75);
-- full text: a score that orders like a distance, and a predicate
SELECT id, round((body <@> 'apple')::numeric, 4) AS score FROM docs ORDER BY body <@> 'apple' LIMIT 3;
SELECT id FROM docs WHERE body @@@ 'sky' ORDER BY id;
SELECT id FROM docs WHERE body @@@ 'apple -pie' ORDER BY id;
SELECT id FROM docs WHERE body @@@ '"blue sky"' ORDER BY id;
SELECT id FROM docs WHERE body @@@ 'apple AND sour OR stars' ORDER BY id;
SELECT id FROM docs WHERE category = 'fruit' ORDER BY body <@> 'apples' LIMIT 5;
-- fusion: one statement
SELECT id, round(rrf(embedding <=> '[1,2,3]', body <@> 'apple')::numeric, 6) AS score FROM docs ORDER BY rrf(embedding <=> '[1,2,3]', body <@> 'apple') DESC LIMIT 3;
SELECT id, rrf(embedding <=> '[1,2,3]', body <@> 'apple', k => 10, weights => '{2,1}') AS score FROM docs WHERE category = 'fruit' ORDER BY score DESC LIMIT 2;
SELECT id, round(relative_score(embedding <=> '[1,2,3]', body <@> 'apple')::numeric, 6) AS score FROM docs WHERE category = 'fruit' ORDER BY relative_score(embedding <=> '[1,2,3]', body <@> 'apple') DESC LIMIT 2;
SELECT id, hybrid(embedding <=> '[1,2,3]', body <@> 'apple', alpha => 1) AS score FROM docs WHERE category = 'fruit' ORDER BY score DESC LIMIT 2;
-- what it did
EXPLAIN SELECT id FROM docs WHERE category = 'sky' ORDER BY embedding <=> '[1,2,3]' LIMIT 2;
EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) SELECT id FROM docs WHERE category = 'sky' ORDER BY embedding <=> '[1,2,3]' LIMIT 2;
-- errors with their place
SELECT id FROM docs ORDER BY title <@> 'x' LIMIT 1;
SELECT id, rrf(embedding <=> '[1,2,3]') FROM docs LIMIT 1;
SELECT id FROM docs ORDER BY embedding <=> '[1,2]' LIMIT 1;
CREATE INDEX ON docs USING hnsw (embedding);
DROP TABLE docs;
