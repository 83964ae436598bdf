-- Rows come as their windows sort them where nothing else is asked.
CREATE TABLE parts (id int, g text, n int, x float8);
INSERT INTO parts SELECT i, 'g' || i % 7, (i * 37) % 101, (i * 53) % 97 FROM generate_series(1, 90) AS i;
INSERT INTO parts VALUES (91, NULL, NULL, 5), (92, 'g1', NULL, 6);
SELECT id, row_number() OVER (PARTITION BY g ORDER BY n, id) FROM parts;
SELECT id, max(n) OVER (PARTITION BY id ORDER BY id RANGE BETWEEN CURRENT ROW AND 1 FOLLOWING) FROM parts WHERE id < 30;
SELECT id, max(x) OVER (PARTITION BY x ORDER BY x RANGE BETWEEN 1.25 PRECEDING AND 1.25 FOLLOWING) FROM parts WHERE id < 30;
SELECT id, rank() OVER (PARTITION BY g ORDER BY n DESC, id DESC) FROM parts LIMIT 9;
SELECT id, rank() OVER (ORDER BY n DESC NULLS LAST, id) FROM parts OFFSET 85;
SELECT id, row_number() OVER (ORDER BY n, id), row_number() OVER (ORDER BY x, id) FROM parts;
SELECT id, sum(n) OVER (PARTITION BY g), row_number() OVER (PARTITION BY g ORDER BY x, id) FROM parts;
SELECT id, count(*) OVER (), row_number() OVER (ORDER BY x DESC, id) FROM parts;
SELECT g, sum(n), rank() OVER (ORDER BY sum(n) DESC) FROM parts GROUP BY g;
SELECT g, count(*) + row_number() OVER named AS c FROM parts GROUP BY g WINDOW named AS (ORDER BY max(x), g);
SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY g ORDER BY n, id) AS place FROM parts) AS numbered WHERE place <= 3;
WITH numbered AS (SELECT g AS h, id, n, row_number() OVER (PARTITION BY g ORDER BY n DESC, id) AS place FROM parts)
    SELECT id, place FROM numbered WHERE place < 4 LIMIT 11;
WITH a AS (SELECT id, n, lag(id) OVER (ORDER BY n, id) AS before FROM parts), b AS (SELECT * FROM a WHERE id > 4)
    SELECT before, id + 1 FROM b;
CREATE TABLE numbered AS SELECT row_number() OVER (ORDER BY x, id) AS place, id FROM parts;
CREATE TABLE copied (seen bigserial, id int);
INSERT INTO copied (id) SELECT id FROM (SELECT id, lead(x) OVER (PARTITION BY g ORDER BY x, id), g, x FROM parts) AS led WHERE lead IS NOT NULL;
SELECT seen, id FROM copied ORDER BY seen;
SELECT count(*) OVER (ORDER BY 1), row_number() OVER (PARTITION BY 2 ORDER BY n, id), id FROM parts;
SELECT id, row_number() OVER (PARTITION BY g ORDER BY n) FROM parts ORDER BY id;
SELECT count(*) FROM (SELECT row_number() OVER (ORDER BY id) FROM parts) AS numbered;
DROP TABLE parts, numbered, copied;
