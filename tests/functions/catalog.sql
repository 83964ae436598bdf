-- Functions in the system tables, and as text.
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TABLE docs (id int PRIMARY KEY, title text);
CREATE FUNCTION plain(integer, integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 + $2';
CREATE FUNCTION full_one(a int, b text DEFAULT 'x', "C d" mood DEFAULT 'ok', e date DEFAULT now()::date)
  RETURNS text LANGUAGE sql STABLE LEAKPROOF SECURITY DEFINER PARALLEL SAFE COST 5 SET search_path = public, "A b"
  SET work_mem = '1MB' AS $$ SELECT a || b $$;
CREATE FUNCTION outs(a int, INOUT b text, OUT c int[]) LANGUAGE sql AS 'SELECT b, ARRAY[a]';
CREATE FUNCTION tab(l text, n int DEFAULT 10) RETURNS TABLE (id int, "Title" text) LANGUAGE sql ROWS 5 AS
  'SELECT id, title FROM docs WHERE title = l LIMIT n';
CREATE FUNCTION docs_all() RETURNS SETOF docs LANGUAGE sql PARALLEL RESTRICTED AS 'SELECT * FROM docs';
CREATE FUNCTION vari(sep text, VARIADIC parts text[]) RETURNS text LANGUAGE sql AS 'SELECT array_to_string(parts, sep)';
CREATE FUNCTION poly(anyelement, anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION nothing() RETURNS void LANGUAGE sql AS $$ SELECT '$function$' $$;
CREATE PROCEDURE proc(a int, OUT c int, INOUT b text DEFAULT 'q') LANGUAGE sql AS 'SELECT a, b';
CREATE PROCEDURE bad(a int, INOUT b text DEFAULT 'q', OUT c int) LANGUAGE sql AS 'SELECT b, a';
CREATE FUNCTION dom(a int) RETURNS int RETURN a + 1;
SELECT proname, prokind, provolatile, proisstrict, proleakproof, prosecdef, proretset, proparallel, procost, prorows,
  pronargs, pronargdefaults, prorettype::regtype, oidvectortypes(proargtypes), proallargtypes::regtype[], proargmodes,
  proargnames, provariadic::regtype, prosrc, proconfig, prolang, probin, pronamespace = 'catalog'::regnamespace AS own
  FROM pg_proc WHERE pronamespace = 'catalog'::regnamespace ORDER BY proname;
SELECT proname, pg_get_function_arguments(oid), pg_get_function_identity_arguments(oid), pg_get_function_result(oid)
  FROM pg_proc WHERE pronamespace = 'catalog'::regnamespace ORDER BY proname;
SELECT pg_get_functiondef(oid) FROM pg_proc
  WHERE pronamespace = 'catalog'::regnamespace AND proname <> 'dom' ORDER BY proname;
SELECT proname, pg_get_function_arg_default(oid, 2), pg_get_function_arg_default(oid, 3), pg_get_function_arg_default(oid, 9)
  FROM pg_proc WHERE pronamespace = 'catalog'::regnamespace ORDER BY proname;
SELECT oid::regproc, oid::regprocedure FROM pg_proc WHERE pronamespace = 'catalog'::regnamespace ORDER BY proname;
SELECT 'plain'::regproc::text, 'plain(int,int)'::regprocedure::text, to_regproc('plain') = 'plain'::regproc;
SELECT 'missing'::regproc;
SELECT 'plain(text)'::regprocedure;
SELECT to_regproc('missing'), to_regprocedure('plain(int)');
SELECT pg_function_is_visible('plain'::regproc), has_function_privilege('plain(int,int)', 'execute');
SET search_path = public;
SELECT pg_function_is_visible('catalog.plain'::regproc), 'catalog.plain'::regproc, 'catalog.plain(int,int)'::regprocedure;
SELECT pg_get_functiondef('catalog.docs_all'::regproc), pg_get_function_result('catalog.docs_all'::regproc);
SET search_path = catalog, public;
SELECT pg_describe_object('pg_proc'::regclass, 'plain'::regproc, 0), pg_describe_object('pg_proc'::regclass, 'proc'::regproc, 0);
SELECT routine_name, routine_type, data_type, routine_body, routine_definition, external_language, is_deterministic,
  is_null_call, security_type, parameter_style, schema_level_routine, type_udt_name
  FROM information_schema.routines WHERE routine_schema = 'catalog' ORDER BY routine_name;
SELECT r.routine_name, p.ordinal_position, p.parameter_mode, p.parameter_name, p.data_type, p.udt_name, p.is_result,
  p.parameter_default
  FROM information_schema.parameters p JOIN information_schema.routines r USING (specific_schema, specific_name)
  WHERE p.specific_schema = 'catalog' ORDER BY r.routine_name, p.ordinal_position;
COMMENT ON FUNCTION plain(int, int) IS 'adds';
COMMENT ON PROCEDURE proc IS 'does';
SELECT obj_description('plain'::regproc, 'pg_proc'), obj_description('proc'::regproc);
CREATE OR REPLACE FUNCTION plain(integer, integer) RETURNS integer LANGUAGE sql AS 'SELECT 3';
SELECT obj_description('plain'::regproc, 'pg_proc');
CREATE FUNCTION plain(text) RETURNS text LANGUAGE sql AS 'SELECT $1';
SELECT 'plain'::regproc;
SELECT oid::regproc::text LIKE '%plain' FROM pg_proc WHERE proname = 'plain' AND pronargs = 1;
DROP TYPE mood;
DROP TABLE docs;
DROP TYPE mood CASCADE;
DROP TABLE docs CASCADE;
