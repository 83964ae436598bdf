CREATE TABLE filled (id int) WITH (fillfactor = 70, autovacuum_enabled = off, toast.autovacuum_enabled = off);
SELECT reloptions FROM pg_class WHERE relname = 'filled';
ALTER TABLE filled SET (parallel_workers = 4, fillfactor = 80);
ALTER TABLE filled RESET (autovacuum_enabled);
SELECT option_name, option_value FROM pg_class, pg_options_to_table(reloptions) WHERE relname = 'filled' ORDER BY 1;
ALTER TABLE filled SET (fillfactor = 5);
ALTER TABLE filled SET (fillfactor = many);
ALTER TABLE filled SET (nothing = 5);
CREATE TABLE wrong (id int) WITH (fillfactors = 70);
