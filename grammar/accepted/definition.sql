CREATE TABLE IF NOT EXISTS t (id bigserial PRIMARY KEY, a text UNIQUE, b integer NOT NULL DEFAULT 1 + 1 CHECK (b > 0), v vector(3));
-- ours
CREATE TABLE t (a integer, b text, CONSTRAINT t_key PRIMARY KEY (a, b), UNIQUE (b), CHECK (a <> 3));
CREATE TABLE t (id integer GENERATED ALWAYS AS IDENTITY, a integer, c integer GENERATED ALWAYS AS (a * 2) STORED);
CREATE TABLE t (tenant text, id bigint, PRIMARY KEY (tenant, id)) PARTITION BY TENANT (tenant);
-- ours
CREATE TABLE t (id bigint PRIMARY KEY, v vector(3)) WITH (shards = 4);
-- ours
CREATE TABLE t (a integer, b text) PARTITION BY RANGE (a, b);
CREATE TABLE t PARTITION OF sales FOR VALUES IN ('a', 3, NULL) PARTITION BY HASH (amount);
CREATE TABLE IF NOT EXISTS t PARTITION OF spans (CHECK (a > 0)) FOR VALUES FROM (1, MINVALUE) TO (2, MAXVALUE);
CREATE TABLE t PARTITION OF buckets FOR VALUES WITH (MODULUS 4, REMAINDER 3);
CREATE TABLE t PARTITION OF sales DEFAULT;
ALTER TABLE ONLY sales ATTACH PARTITION sales_old FOR VALUES IN ('old');
ALTER TABLE sales DETACH PARTITION sales_new CONCURRENTLY;
CREATE INDEX ON ONLY sales (amount);
CREATE TABLE t AS SELECT id, title FROM docs WITH NO DATA;
CREATE OR REPLACE VIEW v (n) AS SELECT id FROM docs;
CREATE VIEW checked AS SELECT id, title FROM docs WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE INDEX ON docs (year DESC NULLS LAST, lang);
CREATE UNIQUE INDEX IF NOT EXISTS notes_note ON notes USING btree (note);
CREATE INDEX CONCURRENTLY docs_vectors ON docs USING hnsw (embedding vector_l2_ops) WITH (m = 8, ef_construction = 32);
-- ours
CREATE INDEX ON docs USING ivfflat (embedding vector_cosine_ops) WITH (lists = 10);
-- ours
CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops) WITH (quantization = 'bit', rescore = 4);
-- ours
CREATE INDEX ON docs USING hnsw (embedding vector_cosine_ops) WITH (quantization = pq);
-- ours
CREATE INDEX ON docs USING bm25 (title, body) WITH (text_config = 'english', k1 = 1.2, b = 0.75);
-- ours
CREATE SEQUENCE s START WITH 10 INCREMENT BY -1 MAXVALUE 100 NO CYCLE;
CREATE SCHEMA IF NOT EXISTS other;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE DATABASE other;
CREATE TENANT 'acme';
-- ours
ALTER TENANT 'acme' SET STATE inactive;
-- ours
CREATE TABLE t (tenant text, id bigint) PARTITION BY TENANT (tenant) WITH (tenant_activation = manual, tenant_creation = auto);
-- ours
DROP TENANT IF EXISTS 'acme';
-- ours
ALTER TABLE notes ADD COLUMN IF NOT EXISTS more text DEFAULT 'x', DROP COLUMN note, ALTER COLUMN stars SET NOT NULL;
ALTER TABLE docs ADD CONSTRAINT positive CHECK (id > 0);
ALTER TABLE docs RENAME COLUMN title TO heading;
ALTER TABLE IF EXISTS nothing RENAME TO something;
DROP TABLE IF EXISTS notes, nothing CASCADE;
TRUNCATE TABLE notes;
COMMENT ON TABLE docs IS 'documents';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
DROP TYPE IF EXISTS mood, nothing CASCADE;
CREATE DOMAIN positive AS integer CONSTRAINT above CHECK (value > 0) NOT NULL DEFAULT 1;
DROP DOMAIN IF EXISTS positive RESTRICT;
CREATE TYPE place AS (x integer, name text);
CREATE TABLE with_rows (id integer, at notes, was notes);
