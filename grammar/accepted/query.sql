SELECT;
SELECT 1;
SELECT d.id, d.title AS "Title", year y FROM docs d WHERE d.id = ANY (ARRAY[1, 2]) ORDER BY 1 DESC NULLS LAST LIMIT 3 OFFSET 1;
SELECT d.id FROM docs FOR SYSTEM_TIME AS OF '-10 minutes' AS d JOIN notes FOR SYSTEM_TIME AS OF $1 ON doc_id = d.id;
-- ours
SELECT count(*) FROM docs FOR SYSTEM_TIME AS OF now() - interval '1 hour' WHERE live;
-- ours
SELECT DISTINCT ON (lang) lang, id FROM docs ORDER BY lang, id;
SELECT docs.*, n.note FROM docs LEFT JOIN notes AS n ON n.doc_id = docs.id;
SELECT * FROM docs JOIN notes USING (id);
SELECT * FROM docs NATURAL JOIN notes;
SELECT * FROM docs CROSS JOIN notes, generate_series(1, 3) AS g(n);
SELECT lang, count(*), avg(price) FILTER (WHERE live) FROM docs GROUP BY lang HAVING count(*) > 1;
SELECT lang, year, count(*) FROM docs GROUP BY GROUPING SETS ((lang, year), (lang), ());
SELECT lang, year, sum(price) FROM docs GROUP BY ROLLUP (lang, year);
SELECT id, row_number() OVER (PARTITION BY lang ORDER BY year DESC) FROM docs;
SELECT sum(year) OVER w FROM docs WINDOW w AS (ORDER BY id ROWS BETWEEN 1 PRECEDING AND CURRENT ROW);
WITH recent AS MATERIALIZED (SELECT * FROM docs WHERE year > 2000) SELECT count(*) FROM recent;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT sum(i) FROM n;
SELECT id FROM docs UNION ALL (SELECT id FROM notes ORDER BY id LIMIT 1) ORDER BY id;
SELECT id FROM docs INTERSECT SELECT doc_id FROM notes EXCEPT SELECT 9;
VALUES (1, 'a'), (2, NULL) ORDER BY 1 LIMIT 1;
TABLE docs;
SELECT (SELECT max(stars) FROM notes WHERE doc_id = docs.id) FROM docs;
SELECT id FROM docs WHERE EXISTS (SELECT FROM notes WHERE doc_id = docs.id) AND id NOT IN (SELECT 9);
SELECT id FROM docs, LATERAL (SELECT note FROM notes WHERE doc_id = docs.id LIMIT 1) AS one;
SELECT id FROM docs ORDER BY id FETCH FIRST 2 ROWS WITH TIES;
SELECT id FROM docs WHERE id = 1 FOR UPDATE;
SELECT string_agg(title, ', ' ORDER BY id), percentile_cont(0.5) WITHIN GROUP (ORDER BY score) FROM docs;
EXPLAIN SELECT 1;
EXPLAIN (ANALYZE, FORMAT JSON) SELECT id FROM docs;
SELECT count(*) FROM docs * FOR SYSTEM_TIME AS OF '-10 minutes' AS d;
-- ours
SELECT count(*) FROM docs TABLESAMPLE SYSTEM (10);
SELECT d.id FROM docs AS d TABLESAMPLE BERNOULLI (2.5) REPEATABLE (7) JOIN notes ON doc_id = d.id;
SELECT id FROM notes FOR SYSTEM_TIME AS OF '-10 minutes' AS n TABLESAMPLE BERNOULLI (50);
-- ours
