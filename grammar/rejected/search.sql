SELECT embedding <=> '[1,2]' FROM docs;
-- 22000
SELECT embedding <=> 'x' FROM docs;
-- 22P02 at 22
SELECT title <=> '[1,2,3]' FROM docs;
-- 42883 at 14
SELECT '[1,2]' <-> '[1,2]';
-- 42725 at 16
SELECT '[1,2,3]'::vector(2);
-- 22000
SELECT title <@> 'x' FROM docs;
-- 55000 at 14, ours
SELECT id <@> 'x' FROM docs;
-- 42883 at 11
SELECT rrf(embedding <=> '[1,2,3]') FROM docs;
-- 42601 at 8, ours
SELECT rrf(year, body <@> 'x') FROM docs;
-- 22023 at 8, ours
SELECT hybrid(body <@> 'x', embedding <=> '[1,2,3]') FROM docs;
-- 22023 at 8, ours
