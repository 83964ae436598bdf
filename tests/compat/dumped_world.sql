-- What test_pg_dump.py dumps: one of each kind of thing that both servers have.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE SCHEMA shop;
CREATE SEQUENCE shop.numbers START 100 INCREMENT 5;
CREATE TABLE shop.customers (
    id bigserial PRIMARY KEY,
    name varchar(40) NOT NULL,
    mail text UNIQUE,
    born date,
    balance numeric(10,2) DEFAULT 0 CHECK (balance >= -100),
    active boolean DEFAULT true,
    tags text[],
    data jsonb DEFAULT '{}'::jsonb,
    seen timestamptz DEFAULT now(),
    address inet,
    raw bytea
);
CREATE TABLE shop.orders (
    number int DEFAULT nextval('shop.numbers'),
    customer bigint REFERENCES shop.customers (id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    placed timestamp NOT NULL,
    amount double precision,
    PRIMARY KEY (number, customer)
);
CREATE TABLE items (id int GENERATED ALWAYS AS IDENTITY, title text, doubled int GENERATED ALWAYS AS (length(title) * 2) STORED,
    embedding vector(3), half halfvec(3), sparse sparsevec(5), bits bit(4));
CREATE INDEX items_embedding ON items USING hnsw (embedding vector_cosine_ops) WITH (m = 8, ef_construction = 32);
CREATE INDEX items_title ON items (lower(title)) WHERE title IS NOT NULL;
CREATE UNIQUE INDEX items_unique ON items (title, id);
CREATE VIEW shop.rich AS SELECT c.id, c.name, sum(o.amount) AS total FROM shop.customers c JOIN shop.orders o ON o.customer = c.id GROUP BY c.id, c.name;
CREATE MATERIALIZED VIEW titles AS SELECT title, count(*) AS n FROM items GROUP BY title;
CREATE TABLE vectors (id int PRIMARY KEY, e vector(2) DEFAULT '[1,2]' NOT NULL, parts vector(2)[], CHECK (vector_dims(e) = 2));
CREATE INDEX ON vectors USING hnsw ((binary_quantize(e)::bit(2)) bit_hamming_ops);
CREATE VIEW near AS SELECT id, e <-> '[3,4]'::vector AS distance, vector_norm(e) FROM vectors ORDER BY e <-> '[3,4]' LIMIT 2;
CREATE VIEW shop.nested AS WITH n AS (SELECT id FROM near) SELECT v.id, (SELECT count(*) FROM items) AS items FROM vectors v JOIN n USING (id);
INSERT INTO vectors VALUES (1, DEFAULT, '{"[1,2]","[3,4]"}'), (2, '[3,4]', NULL), (3, '[9,9]', '{}');
COMMENT ON TABLE items IS 'what is ''kept''';
COMMENT ON COLUMN items.title IS 'its name';
INSERT INTO shop.customers (name, mail, born, balance, tags, data, seen, address, raw) VALUES
    ('Ann', 'ann@x.org', '1990-05-01', 12.50, '{a,"b c",NULL}', '{"k": [1, 2.50]}', '2024-05-01 10:00+02', '10.0.0.1/24', '\x00ff'),
    (E'B\tob\\', NULL, NULL, NULL, NULL, NULL, '2024-05-01 10:00+00', NULL, NULL);
INSERT INTO shop.orders (customer, placed, amount) VALUES (1, '2024-01-01 10:00', 1.5), (1, '2024-01-02', 'NaN'), (2, '2024-01-03', 1e300);
INSERT INTO items (title, embedding, half, sparse, bits) VALUES ('one', '[1,2,3]', '[1,0.5,2]', '{1:1,3:2.5}/5', '1010'), (NULL, '[0,0,1]', NULL, NULL, NULL), ('two', NULL, '[3,2,1]', '{}/5', '0000');
REFRESH MATERIALIZED VIEW titles;
CREATE TABLE shop.sales (region text, day date, amount int CHECK (amount > 0), PRIMARY KEY (region, day)) PARTITION BY LIST (region);
CREATE TABLE shop.sales_north PARTITION OF shop.sales FOR VALUES IN ('n', 'ne') PARTITION BY RANGE (day);
CREATE TABLE shop.sales_north_old PARTITION OF shop.sales_north FOR VALUES FROM (MINVALUE) TO ('2024-01-01');
CREATE TABLE shop.sales_north_new PARTITION OF shop.sales_north DEFAULT;
CREATE TABLE shop.sales_else PARTITION OF shop.sales DEFAULT;
CREATE INDEX ON shop.sales (amount);
INSERT INTO shop.sales VALUES ('n', '2023-05-05', 1), ('ne', '2024-05-05', 2), ('x', '2024-05-06', 3);
CREATE TABLE buckets (id bigint, name text, e vector(2)) PARTITION BY HASH (id, name);
CREATE TABLE buckets_0 PARTITION OF buckets FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE buckets_1 PARTITION OF buckets FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX buckets_e ON buckets USING hnsw (e vector_l2_ops);
INSERT INTO buckets SELECT g, 'name ' || g, format('[%s,1]', g)::vector FROM generate_series(1, 20) g;
CREATE DOMAIN shop.code AS text COLLATE "C";
CREATE TYPE shop.label AS (lang text COLLATE "POSIX", body text);
CREATE TABLE shop.labels (id int, word text COLLATE "POSIX", code shop.code, other shop.code COLLATE "default", label shop.label);
CREATE INDEX labels_word ON shop.labels (word COLLATE "C", code);
INSERT INTO shop.labels VALUES (1, 'b', 'B', 'x', ROW('de', 'y')), (2, 'a', NULL, NULL, NULL);
CREATE TABLE shop.animals (id int PRIMARY KEY, name text DEFAULT 'none' NOT NULL, weight numeric DEFAULT 1.5 CHECK (weight > 0), CHECK (id > 0), CONSTRAINT few CHECK (id < 1000) NO INHERIT);
CREATE TABLE shop.owned (owner text, name text);
CREATE TABLE shop.cats (lives int DEFAULT 9, name text DEFAULT 'cat', CONSTRAINT animals_id_check CHECK (id > 0)) INHERITS (shop.animals, shop.owned);
CREATE TABLE shop.late (id int NOT NULL, name text NOT NULL, weight numeric CHECK (weight > 0), extra int, CONSTRAINT animals_id_check CHECK (id > 0), CONSTRAINT animals_weight_check CHECK (weight > 0));
ALTER TABLE shop.late INHERIT shop.animals;
ALTER TABLE shop.cats ALTER weight SET DEFAULT 4;
INSERT INTO shop.animals VALUES (1, 'any');
INSERT INTO shop.cats (id, owner) VALUES (2000, 'me');
INSERT INTO shop.late VALUES (3, 'late', 2, 7);
CREATE FUNCTION shop.add2(a int, b int DEFAULT 2) RETURNS int LANGUAGE sql IMMUTABLE AS 'select a+b';
CREATE FUNCTION shop.orders_of(c shop.customers, at_least numeric DEFAULT 0) RETURNS SETOF shop.orders LANGUAGE sql STABLE ROWS 10 AS $$
  SELECT * FROM shop.orders WHERE customer = c.id AND amount >= at_least ORDER BY number
$$;
CREATE FUNCTION near_items(q vector, n int DEFAULT 2) RETURNS TABLE (id bigint, title text) LANGUAGE sql SET search_path = public AS
  'SELECT id, title FROM items ORDER BY embedding <-> q LIMIT n';
CREATE FUNCTION shop.tripled(n int) RETURNS int RETURN shop.add2(n, n) + n;
CREATE PROCEDURE shop.add_item(INOUT t text, VARIADIC more text[]) LANGUAGE sql AS 'SELECT t || more[1]';
COMMENT ON FUNCTION shop.add2(int, int) IS 'adds';
CREATE TABLE shop.computed (id int DEFAULT shop.add2(1), twice int GENERATED ALWAYS AS (shop.add2(id, id)) STORED, CHECK (shop.add2(id, 0) < 100));
CREATE INDEX computed_sum ON shop.computed (shop.add2(id, 1));
INSERT INTO shop.computed VALUES (DEFAULT), (7);
CREATE VIEW shop.by_function AS SELECT id, shop.add2(id) AS more FROM shop.computed;
