-- Tables of enough rows that the engine is told their number, in every place where a table stands.
CREATE TYPE mood AS ENUM ('bad', 'fair', 'good');
CREATE TABLE sale (id int PRIMARY KEY, customer int, amount numeric(10,2), at date, tags text[], mood mood, doc jsonb);
CREATE TABLE customer (id int PRIMARY KEY, name text, segment text, seen timestamptz, span interval, v vector(2));
CREATE TABLE small (segment text PRIMARY KEY, weight float8);
INSERT INTO sale SELECT i, nullif(i * 7 % 701, 0), (i % 997) / 4.0, date '2024-01-01' + i % 400,
    ARRAY['t' || i % 3, NULL, 'u'], (ARRAY['bad', 'fair', 'good'])[1 + i % 3]::mood,
    jsonb_build_object('k', i % 5) FROM generate_series(1, 5000) i;
INSERT INTO customer SELECT i, 'name ' || i, 'segment ' || i % 4, timestamptz '2024-01-01 00:00:00+00' + i * interval '1 hour',
    i * interval '1 minute', ('[' || i || ',1]')::vector FROM generate_series(1, 900) i;
INSERT INTO small VALUES ('segment 0', 0.5), ('segment 1', 1.5), ('segment 9', 9);
SELECT c.segment, count(*), sum(s.amount), avg(s.amount) FROM sale s JOIN customer c ON c.id = s.customer GROUP BY 1 ORDER BY 1;
SELECT c.segment, count(*), sum(s.amount) FROM customer c JOIN sale s ON c.id = s.customer GROUP BY 1 ORDER BY 1;
SELECT c.segment, m.weight, max(s.amount), min(s.at) FROM sale s, customer c, small m WHERE s.customer = c.id AND c.segment = m.segment GROUP BY 1, 2 ORDER BY 1;
SELECT count(*), count(s.id), count(c.id) FROM sale s LEFT JOIN customer c ON c.id = s.customer AND c.segment <> 'segment 2';
SELECT count(*), count(s.id), count(c.id) FROM sale s RIGHT JOIN customer c ON c.id = s.customer;
SELECT count(*), count(s.id), count(c.id) FROM sale s FULL JOIN customer c ON c.id = s.customer;
SELECT count(*) FROM small m LEFT JOIN (customer c JOIN sale s ON s.customer = c.id) ON m.segment = c.segment;
SELECT s.id, s.tags, s.mood, s.doc, c.span, c.v, c.seen FROM sale s JOIN customer c ON c.id = s.customer WHERE s.id % 1000 = 3 ORDER BY s.id;
SELECT mood, count(*) FROM sale WHERE customer IN (SELECT id FROM customer WHERE segment = 'segment 1') GROUP BY mood ORDER BY mood;
SELECT count(*) FROM customer c WHERE NOT EXISTS (SELECT 1 FROM sale s WHERE s.customer = c.id);
SELECT count(*) FROM customer c WHERE EXISTS (SELECT 1 FROM sale s WHERE s.customer = c.id AND s.amount > 240);
SELECT c.id, t.id, t.amount FROM customer c, LATERAL (SELECT s.id, s.amount FROM sale s WHERE s.customer = c.id ORDER BY s.amount DESC, s.id LIMIT 2) t WHERE c.id < 6 ORDER BY 1, 2;
SELECT c.id, (SELECT sum(amount) FROM sale s WHERE s.customer = c.id) FROM customer c WHERE c.id IN (7, 8, 899) ORDER BY 1;
SELECT a.id, b.id FROM sale a JOIN sale b ON b.id = a.id + 1 AND b.mood = a.mood ORDER BY 1 LIMIT 5;
SELECT count(*) FROM sale a JOIN sale b ON b.id = a.id + 3 AND b.mood = a.mood AND a.doc->>'k' = '2';
WITH RECURSIVE chain(id, n) AS (SELECT id, 1 FROM sale WHERE id = 5 UNION ALL SELECT s.id, n + 1 FROM chain c JOIN sale s ON s.id = c.id * 3 JOIN customer u ON u.id = s.customer) SELECT * FROM chain ORDER BY 2;
WITH top AS MATERIALIZED (SELECT customer, sum(amount) AS total FROM sale GROUP BY customer) SELECT c.name, t.total, t2.total FROM top t JOIN customer c ON c.id = t.customer JOIN top t2 ON t2.customer = c.id + 1 ORDER BY t.total DESC, c.name LIMIT 4;
SELECT id FROM sale UNION SELECT id FROM customer EXCEPT SELECT customer FROM sale WHERE customer IS NOT NULL ORDER BY 1 LIMIT 3;
SELECT row_number() OVER (PARTITION BY c.segment ORDER BY s.amount DESC, s.id) AS n, s.id FROM sale s JOIN customer c ON c.id = s.customer ORDER BY n, s.id LIMIT 6;
SELECT s FROM sale s JOIN customer c ON c.id = s.customer WHERE s.id = 77;
SELECT count(*) FROM sale CROSS JOIN small;
UPDATE sale s SET amount = amount + m.weight::numeric FROM customer c, small m WHERE c.id = s.customer AND m.segment = c.segment AND s.id < 100;
DELETE FROM sale s USING customer c WHERE c.id = s.customer AND c.segment = 'segment 3' RETURNING s.id % 2 AS odd;
SELECT count(*), sum(amount) FROM sale;
MERGE INTO customer c USING (SELECT customer, count(*) AS n FROM sale GROUP BY customer) s ON s.customer = c.id WHEN MATCHED AND s.n > 7 THEN UPDATE SET name = 'big' WHEN NOT MATCHED AND s.customer IS NOT NULL THEN INSERT (id, name) VALUES (s.customer, 'new');
SELECT name, count(*) FROM customer WHERE name IN ('big', 'new') GROUP BY name ORDER BY name;
