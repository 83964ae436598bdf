CREATE TABLE a (id int, s text);
INSERT INTO a VALUES (1, 'x');
SELECT (a.*)::text, (a)::text, a.* FROM a;
SELECT a.*::text FROM a;
SELECT pg_typeof('x'), pg_typeof(NULL), pg_typeof(s), pg_typeof(lower('x')), pg_typeof(CASE WHEN true THEN 'x' END) FROM a;
