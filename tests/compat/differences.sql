-- Statements that PostgreSQL answers otherwise, on purpose. --- says why, of the statement after it; the others are there
-- for it. `python -m tests.compat.differences` writes the table of docs/compatibility.md from the answers.
CREATE TABLE words (w text COLLATE "C", v text COLLATE "POSIX");
CREATE VIEW lowered AS SELECT v COLLATE "C" FROM words;
--- an expression's collation is that of its columns, if they have one
SELECT attcollation::regcollation FROM pg_attribute WHERE attrelid = 'lowered'::regclass;
--- all collations compare bytes
SELECT 'a' COLLATE "C" = 'b' COLLATE "POSIX";
CREATE TYPE pair AS (a int, b text);
CREATE TABLE pairs (id int, p pair);
--- the value is read before it is put into the field
INSERT INTO pairs (id, p.a) VALUES (1, true);
CREATE TABLE sets (id int PRIMARY KEY, n int);
INSERT INTO sets VALUES (1, 1), (2, 2), (3, 3);
--- keys are compared when all rows of the statement are there
UPDATE sets SET id = id + 1;
WITH a AS (UPDATE sets SET n = 10 WHERE id = 4), b AS (UPDATE sets SET n = n + 1 WHERE id = 4) SELECT 1;
--- of several in one WITH that change a row, each is done, in order
SELECT n FROM sets ORDER BY id;
--- there is one user
CREATE ROLE reader;
--- of PL/pgSQL, DO blocks of plain statements, IF, PERFORM, RAISE and EXCEPTION are run
DO $$ DECLARE n int := 1; BEGIN PERFORM n; END $$;
--- of PL/pgSQL, DO blocks of plain statements, IF, PERFORM, RAISE and EXCEPTION are run
DO $$ BEGIN FOR i IN 1..3 LOOP PERFORM i; END LOOP; END $$;
--- functions are written in SQL
CREATE FUNCTION two() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 2; END';
CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1';
--- there are no triggers
CREATE TRIGGER t BEFORE INSERT ON sets EXECUTE FUNCTION one();
--- there are no rules
CREATE RULE r AS ON INSERT TO sets DO INSTEAD NOTHING;
--- not yet
CREATE TYPE span AS RANGE (subtype = float8);
--- not yet
SELECT xmlelement(name a);
--- not yet
CREATE TABLE excluded (r int4range, EXCLUDE USING gist (r WITH &&));
--- NaN has no place in a decimal of fixed size
CREATE TABLE fixed AS SELECT 'NaN'::numeric(5, 2) AS n;
--- money is always shown as in C
SET lc_monetary = 'de_DE.UTF-8';
--- large objects are not there
SELECT lo_create(12345);
--- not yet
WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM t WHERE a < 3) SEARCH DEPTH FIRST BY a SET o SELECT a FROM t ORDER BY o;
--- not yet
WITH RECURSIVE t AS (SELECT 1 AS a UNION ALL SELECT 1 FROM t) CYCLE a SET c USING p SELECT a, c FROM t;
--- joined by comparing pairs where nothing else will do
SELECT count(*) FROM sets s FULL JOIN sets t ON s.n < t.n;
--- dates are shown as ISO
SET DateStyle = 'German';
--- intervals are shown in one style
SET IntervalStyle = 'iso_8601';
--- bytes are shown as digits
SET bytea_output = 'escape';
--- floats are not looked at for an infinite result
SELECT 1e308::float8 * 10;
--- an aggregate is of the query that it stands in
SELECT n, (SELECT count(*) FROM words WHERE max(s.n) > 0) FROM sets s GROUP BY n;
--- not yet
CREATE TABLE of_executed AS EXECUTE missing;
