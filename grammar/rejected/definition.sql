CREATE TABLE docs (id integer);
-- 42P07
CREATE TABLE t (a integer, a text);
-- 42701
CREATE TABLE t (a notype);
-- 42704 at 19
CREATE TABLE t (a integer, PRIMARY KEY (b));
-- 42703 at 28
CREATE TABLE t (a integer PRIMARY KEY, b integer PRIMARY KEY);
-- 42P16 at 50
CREATE TABLE t (a integer DEFAULT 'x');
-- 22P02 at 35
CREATE TABLE t (a integer CHECK (b > 1));
-- 42703 at 34
CREATE TABLE t (a varchar(0));
-- 22023 at 19
CREATE TABLE t (a vector(0));
-- 22023 at 19
CREATE TABLE nowhere.t (a integer);
-- 3F000 at 14
CREATE TABLE t (a integer REFERENCES nowhere);
-- 42P01
CREATE INDEX ON nowhere (id);
-- 42P01
CREATE INDEX ON docs (nothing);
-- 42703
CREATE INDEX ON docs USING nothing (id);
-- 42704
CREATE INDEX ON docs USING hnsw (embedding);
-- 42704
CREATE INDEX ON docs USING hnsw (embedding vector_l2_ops) WITH (m = 1);
-- 22023
CREATE INDEX ON docs USING hnsw (embedding vector_l2_ops) WITH (m = 50, ef_construction = 50);
-- 22023
CREATE INDEX ON docs USING hnsw (embedding vector_l2_ops) WITH (quantization = 'byte');
-- 22023
CREATE INDEX ON docs USING hnsw (embedding vector_l2_ops) WITH (rescore = 100);
-- 22023
CREATE INDEX ON docs USING hnsw (embedding vector_l1_ops) WITH (quantization = 'int8');
-- 0A000, ours
CREATE INDEX ON docs USING hnsw (embedding nothing_ops);
-- 42704
DROP TABLE nowhere;
-- 42P01
DROP INDEX nowhere;
-- 42704
DROP TABLE docs_pkey;
-- 42809
DROP INDEX docs_pkey;
-- 2BP01
DROP SCHEMA nowhere;
-- 3F000
ALTER TABLE nowhere ADD COLUMN a integer;
-- 42P01
ALTER TABLE docs DROP COLUMN nothing;
-- 42703
ALTER TABLE docs ADD COLUMN title text;
-- 42701
ALTER TABLE docs ALTER COLUMN year SET NOT NULL;
-- 23502
ALTER TABLE docs DROP CONSTRAINT nothing;
-- 42704
TRUNCATE nowhere;
-- 42P01
CREATE TYPE docs AS ENUM ('a');
-- 42710
DROP TYPE nowhere;
-- 42704
ALTER TYPE nowhere ADD VALUE IF NOT EXISTS 'a' BEFORE 'b';
-- 42704
ALTER TYPE nowhere RENAME VALUE 'a' TO 'b';
-- 42704
CREATE TABLE t (a nowhere);
-- 42704 at 19
SELECT 'x'::nowhere;
-- 42704 at 13
CREATE DOMAIN d AS nowhere;
-- 42704
CREATE DOMAIN d AS integer CHECK (value);
-- 42804
ALTER DOMAIN nowhere ADD CONSTRAINT c CHECK (value > 0) NOT VALID;
-- 42704
ALTER DOMAIN nowhere SET DEFAULT 1;
-- 42704
DROP DOMAIN docs;
-- 42809
CREATE TYPE place AS (x integer, x text);
-- 42701
ALTER TYPE nowhere ADD ATTRIBUTE a integer, DROP ATTRIBUTE IF EXISTS b CASCADE;
-- 42P01
ALTER TYPE nowhere RENAME ATTRIBUTE a TO b;
-- 42P01
ALTER TYPE docs ALTER ATTRIBUTE id TYPE text;
-- 42809
CREATE TABLE t (a integer) PARTITION BY LIST (b);
-- 42703 at 47
CREATE TABLE t PARTITION OF docs DEFAULT;
-- 42P17
ALTER TABLE docs DETACH PARTITION notes;
-- 42P17
