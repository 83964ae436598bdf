SELEC 1;
-- 42601 at 1
SELECT 1 +;
-- 42601 at 11
SELECT FROM WHERE;
-- 42601 at 13
SELECT nothing FROM docs;
-- 42703 at 8
SELECT docs.nothing FROM docs;
-- 42703 at 8
SELECT id FROM nowhere;
-- 42P01 at 16
SELECT x.id FROM docs;
-- 42P01 at 8
SELECT id FROM docs, notes;
-- 42702 at 8
SELECT * FROM docs JOIN notes USING (nothing);
-- 42703
SELECT count(*) FROM docs WHERE count(*) > 1;
-- 42803 at 33
SELECT title, count(*) FROM docs GROUP BY lang;
-- 42803 at 8
SELECT sum(count(*)) FROM docs;
-- 42803 at 12
SELECT row_number() FROM docs;
-- 42809 at 8
SELECT id FROM docs WHERE row_number() OVER () = 1;
-- 42P20 at 27
SELECT id FROM docs ORDER BY 3;
-- 42P10 at 30
SELECT DISTINCT id FROM docs ORDER BY title;
-- 42P10 at 39
SELECT id FROM docs UNION SELECT title FROM docs;
-- 42804 at 34
SELECT id, title FROM docs UNION SELECT id FROM docs;
-- 42601 at 41
VALUES (1, 2), (3);
-- 42601 at 17
SELECT id FROM docs WHERE title;
-- 42804 at 27
SELECT id FROM docs LIMIT 'x';
-- 22P02 at 27
SELECT id FROM docs LIMIT -1;
-- 2201W
WITH a AS (SELECT 1), a AS (SELECT 2) SELECT 1;
-- 42712 at 23
SELECT *;
-- 42601 at 8
SELECT id FROM docs d, notes d;
-- 42712
SELECT nothing.* FROM docs;
-- 42P01 at 8
SELECT 1 FROM docs TABLESAMPLE nothing (10);
-- 42704 at 32
SELECT 1 FROM docs TABLESAMPLE SYSTEM (101);
-- 2202H
