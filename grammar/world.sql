CREATE TABLE docs (
    id integer PRIMARY KEY, title text NOT NULL, body text, lang varchar(8), year integer, price numeric(10,2),
    score double precision, published date, live boolean, tags text[], meta jsonb, embedding vector(3)
);
CREATE TABLE notes (id bigint PRIMARY KEY, doc_id integer, note text, stars smallint);
INSERT INTO docs VALUES
    (1, 'Apple', 'apples and pears', 'en', 2001, 1.50, 0.5, '2024-01-10', true, '{x,y}', '{"a": 1}', '[1,2,3]'),
    (2, 'Berry', 'berries in the wood', 'en', 2002, NULL, NULL, NULL, false, '{}', '{"b": [1, 2]}', '[0,1,0]'),
    (3, 'cherry', NULL, 'de', NULL, 0, 'NaN', '2024-02-29', NULL, NULL, NULL, NULL),
    (4, '', 'the apple tree', NULL, 2004, -7.25, -0.5, '1999-12-31', true, '{NULL,x}', '{}', '[-1,0,2]'),
    (5, 'Elder', '', 'en', 0, 1.5, 1e10, '2024-01-10', NULL, '{y}', 'null', '[1,2,3]');
INSERT INTO notes VALUES (1, 1, 'good', 5), (2, 1, NULL, 3), (3, 2, 'x', NULL), (4, 9, 'lost', 1);
CREATE INDEX docs_embedding ON docs USING hnsw (embedding vector_cosine_ops);
CREATE INDEX docs_body ON docs USING bm25 (body);
-- ours
CREATE TABLE sales (region text, amount integer) PARTITION BY LIST (region);
CREATE TABLE sales_new PARTITION OF sales FOR VALUES IN ('new');
CREATE TABLE sales_old (region text, amount integer);
CREATE TABLE spans (a integer, b integer) PARTITION BY RANGE (a, b);
CREATE TABLE buckets (id integer) PARTITION BY HASH (id);
CREATE FUNCTION shout(t text) RETURNS text LANGUAGE sql AS 'SELECT upper(t)';
CREATE PROCEDURE note_down(n bigint, said text) LANGUAGE sql AS 'INSERT INTO notes (id, note) VALUES (n, said)';
