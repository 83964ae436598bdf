\set VERBOSITY default
\pset null '~'
CREATE EXTENSION IF NOT EXISTS vector;
SELECT extname FROM pg_extension WHERE extname = 'vector';
CREATE TABLE items (id bigserial PRIMARY KEY, name varchar(20) NOT NULL, price numeric(8,2) CHECK (price > 0), embedding vector(3));
INSERT INTO items (name, price, embedding) VALUES ('a', 1.5, '[1,2,3]'), ('b', 20, '[4,5,6]'), ('c', NULL, '[1,1,1]'), ('d', 7.25, NULL);
SELECT * FROM items ORDER BY id;
\x on
SELECT * FROM items WHERE id = 2;
\x off
-- the four operators, alone and in an order
SELECT '[1,2,3]'::vector <-> '[4,5,6]' AS l2, '[1,2,3]'::vector <#> '[4,5,6]' AS ip, '[1,2,3]'::vector <=> '[2,4,6]' AS cosine, '[1,2,3]'::vector <+> '[4,5,6]' AS l1;
SELECT id, embedding <-> '[1,1,1]' AS distance FROM items ORDER BY embedding <-> '[1,1,1]' LIMIT 3;
SELECT id FROM items ORDER BY embedding <#> '[1,1,1]' LIMIT 3;
SELECT id FROM items ORDER BY embedding <=> '[1,2,3]' LIMIT 2;
SELECT id FROM items ORDER BY embedding <+> '[1,2,3]' LIMIT 2;
SELECT id FROM items WHERE embedding <-> '[1,1,1]' < 3 ORDER BY id;
SELECT id FROM items WHERE price > 5 ORDER BY embedding <-> '[1,1,1]' LIMIT 5;
-- indexes, settings
CREATE INDEX items_hnsw ON items USING hnsw (embedding vector_l2_ops) WITH (m = 16, ef_construction = 64);
SET hnsw.ef_search = 100;
SHOW hnsw.ef_search;
SELECT id FROM items ORDER BY embedding <-> '[4,5,5]' LIMIT 2;
-- functions, aggregates, casts
SELECT vector_dims('[1,2,3]'::vector), vector_norm('[3,4]'::vector), l2_normalize('[3,4]'::vector), subvector('[1,2,3,4]'::vector, 2, 2);
SELECT avg(embedding), sum(embedding) FROM items;
SELECT '[1,2,3]'::vector::real[], ARRAY[1,2,3]::vector, '[1,2]'::vector + '[3,4]', '[1,2]'::vector * '[3,4]';
SELECT embedding IS NULL AS missing, count(*) FROM items GROUP BY 1 ORDER BY 1;
-- errors with their place
SELECT unknown_thing FROM items;
SELECT 'x'::text::varchar, CASE WHEN true THEN 1 ELSE 2::bigint END, id::text FROM items LIMIT 1;
SELECT id FROM items WHER price > 1;
SELECT '[1,2,x]'::vector;
SELECT '[1,2]'::vector <-> '[1,2,3]'::vector;
INSERT INTO items (name, embedding) VALUES ('e', '[1,2]');
INSERT INTO items (name, price) VALUES ('e', -1);
INSERT INTO items (id, name) VALUES (1, 'e');
INSERT INTO items (price) VALUES (1);
SELECT * FROM missing;
SELECT 1 +
  nope;
SELECT foo(1);
SELECT 1/0;
CREATE TABLE wrong (v vector(0));
-- transactions
BEGIN;
DELETE FROM items;
SAVEPOINT s;
SELECT 1/0;
ROLLBACK TO s;
SELECT count(*) FROM items;
ROLLBACK;
SELECT count(*) FROM items;
COMMIT;
\set ON_ERROR_ROLLBACK on
BEGIN;
SELECT 1/0;
SELECT 'alive' AS state;
COMMIT;
\unset ON_ERROR_ROLLBACK
-- what psql does with the protocol
SELECT id, name, price, embedding FROM items \gdesc
SELECT 'SELECT ' || g || ' AS made' FROM generate_series(1, 2) g \gexec
SELECT 5 AS five \gset
\echo :five
SELECT id FROM items ORDER BY id \g (format=unaligned tuples_only=on)
\set FETCH_COUNT 2
SELECT g FROM generate_series(1, 5) g;
\set FETCH_COUNT 0
PREPARE near (vector, int) AS SELECT id FROM items ORDER BY embedding <-> $1 LIMIT $2;
EXECUTE near('[1,1,1]', 2);
DEALLOCATE near;
-- copy both ways
\copy items (name, embedding) TO STDOUT
\copy (SELECT id, name, embedding FROM items ORDER BY id) TO STDOUT WITH (FORMAT csv, HEADER)
COPY items (name, price, embedding) FROM STDIN;
x	1.00	[7,8,9]
y	\N	[0,0,1]
\.
\copy items (name, price) FROM STDIN WITH (FORMAT csv)
"z, quoted",3
\.
SELECT id, name, price, embedding FROM items WHERE id > 4 ORDER BY id;
COPY items (name, price) FROM STDIN;
bad	one
\.
SELECT count(*) FROM items;
-- listening
LISTEN news;
NOTIFY news, 'hello';
UPDATE items SET price = price * 2 WHERE id = 1 RETURNING id, price;
DELETE FROM items WHERE id > 4;
DROP TABLE items;
DROP TABLE IF EXISTS items;
