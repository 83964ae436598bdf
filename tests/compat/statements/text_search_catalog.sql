-- What the catalog says of text search, and its names as oids.
SELECT cfgname, oid, cfgnamespace::regnamespace, cfgparser, obj_description(oid, 'pg_ts_config') FROM pg_ts_config ORDER BY 1;
SELECT dictname, oid, dicttemplate, dictinitoption, obj_description(oid, 'pg_ts_dict') FROM pg_ts_dict ORDER BY 1;
SELECT * FROM pg_ts_parser;
SELECT mapcfg::regconfig, maptokentype, mapseqno, mapdict::regdictionary FROM pg_ts_config_map m ORDER BY m.mapcfg, 2;
SELECT 'english'::regconfig::oid, 'simple'::regconfig::int4, 12361::regconfig, 3765::regdictionary, 99::regconfig;
SELECT cfgname FROM pg_ts_config WHERE oid = 'english'::regconfig;
SELECT * FROM ts_token_type(3722);
SELECT * FROM ts_parse(3722, 'a b');
SELECT pg_get_function_arguments(oid), pg_get_function_identity_arguments(oid) FROM pg_proc WHERE proname IN ('mode', 'percentile_disc') ORDER BY oid;
SELECT lanname, lanvalidator::regprocedure FROM pg_language WHERE lanname <> 'plpgsql' ORDER BY 1;
CREATE TABLE kept (a tsvector, j jsonb, i int[], n name);
CREATE INDEX kept_a ON kept USING gin (a);
CREATE INDEX kept_j ON kept USING gin (j jsonb_path_ops);
CREATE INDEX kept_i ON kept USING gin (i);
SELECT attrelid::regclass::text, attname, atttypid::regtype, attlen, attbyval FROM pg_attribute WHERE attrelid::regclass::text LIKE 'kept\__' ORDER BY 1;
DROP TABLE kept;
SELECT name, setting, unit, boot_val, source FROM pg_settings WHERE name IN ('work_mem', 'deadlock_timeout', 'statement_timeout') ORDER BY 1;
