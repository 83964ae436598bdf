-- What reads a temporary table is temporary too, and the catalog says so.
CREATE TEMPORARY VIEW seen AS SELECT 1 AS a;
CREATE TEMPORARY TABLE kept (a int);
CREATE VIEW upon AS SELECT * FROM kept;
CREATE VIEW public.upon AS SELECT 1 AS a;
SELECT relname, relpersistence, relkind FROM pg_class WHERE relname IN ('seen', 'kept', 'upon') ORDER BY 1, 2;
SELECT table_name, table_type FROM information_schema.tables WHERE table_name IN ('seen', 'kept', 'upon') ORDER BY 1, 2;
CREATE TEMPORARY VIEW public.other AS SELECT 1 AS a;
DROP VIEW upon, seen;
DROP VIEW upon;
DROP TABLE kept;
