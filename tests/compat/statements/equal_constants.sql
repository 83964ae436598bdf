-- 1.0 and 1.00 are equal, and not the same.
CREATE FUNCTION same(numeric) RETURNS numeric LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SELECT same(1.0), same(1.00);
CREATE FUNCTION same(float8) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT $1';
SELECT same('0.0'::float8), same('-0.0'::float8), same('NaN'::float8);
SELECT x + 1.0, x + 1.00 FROM (VALUES (1), (2)) t(x) GROUP BY x + 1.0, x + 1.00 ORDER BY 1;
SELECT x + 1.00 FROM (VALUES (1), (2)) t(x) GROUP BY x + 1.0;
SELECT DISTINCT ON (x * 1.00) x * 1.0 FROM (VALUES (1), (2)) t(x) ORDER BY x * 1.00;
-- Columns are sorted and grouped by, not constants.
SELECT count(*) FROM (VALUES (1), (2)) t(x) GROUP BY 1.0;
SELECT count(*) FROM (VALUES (1), (2)) t(x) GROUP BY 'a';
SELECT count(*) FROM (VALUES (1), (2)) t(x) GROUP BY NULL;
SELECT count(*) FROM (VALUES (1), (2)) t(x) GROUP BY 'a'::text;
SELECT count(*) FROM (VALUES (1), (2)) t(x) GROUP BY (), ROLLUP ('a');
SELECT DISTINCT ON ('a') x FROM (VALUES (1), (2)) t(x);
SELECT DISTINCT ON (7) x FROM (VALUES (1), (2)) t(x);
SELECT DISTINCT ON (a) x AS a, 1 AS a FROM (VALUES (1), (2)) t(x);
SELECT x FROM (VALUES (1), (2)) t(x) ORDER BY NULL;
