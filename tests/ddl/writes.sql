CREATE TABLE t (id int PRIMARY KEY, name text, n int DEFAULT 0);
CREATE TABLE log (id serial, t_id int, what text);
-- RETURNING.
INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2), (3, 'c', 3) RETURNING *;
INSERT INTO t (id, name) SELECT g, 'g' || g FROM generate_series(4, 6) g RETURNING id, upper(name) AS u, n + 1;
UPDATE t SET n = n + 10 WHERE id < 3 RETURNING id, n, name || '!';
DELETE FROM t WHERE id = 6 RETURNING t.*;
DELETE FROM t WHERE id = 60 RETURNING *;
-- UPDATE ... FROM, DELETE ... USING.
CREATE TABLE s (id int, name text);
INSERT INTO s VALUES (1, 'one'), (2, 'two'), (9, 'nine');
UPDATE t SET name = s.name FROM s WHERE s.id = t.id RETURNING t.id, t.name;
UPDATE t AS x SET n = (SELECT count(*) FROM s) WHERE x.id = 1 RETURNING n;
UPDATE t SET (name, n) = ('row', 5) WHERE id = 3 RETURNING name, n;
UPDATE t SET n = DEFAULT WHERE id = 3 RETURNING n;
UPDATE t SET zz = 1;
UPDATE nothing SET a = 1;
DELETE FROM t USING s WHERE s.id = t.id AND s.name = 'two' RETURNING t.id;
DELETE FROM t WHERE id IN (SELECT id FROM s);
SELECT * FROM t ORDER BY id;
-- Statements in WITH that change rows.
WITH gone AS (DELETE FROM t WHERE id = 3 RETURNING *) INSERT INTO log (t_id, what) SELECT id, 'deleted ' || name FROM gone;
SELECT t_id, what FROM log ORDER BY id;
WITH added AS (INSERT INTO t VALUES (10, 'ten', 10), (11, 'eleven', 11) RETURNING id, n) SELECT sum(n), count(*) FROM added;
WITH changed AS (UPDATE t SET n = n + 1 WHERE id >= 10 RETURNING id, n) SELECT t.id, t.n AS before, changed.n AS after FROM t JOIN changed ON changed.id = t.id ORDER BY t.id;
SELECT id, n FROM t WHERE id >= 10 ORDER BY id;
WITH a AS (INSERT INTO log (t_id, what) VALUES (1, 'a') RETURNING t_id), b AS (INSERT INTO log (t_id, what) SELECT t_id + 100, 'b' FROM a RETURNING t_id) SELECT * FROM b;
WITH x AS (DELETE FROM log) SELECT count(*) FROM log;
SELECT count(*) FROM log;
WITH x AS (DELETE FROM log) SELECT * FROM x;
WITH x (one, two) AS (INSERT INTO t VALUES (20, 'twenty', 20) RETURNING id, name) SELECT two, one FROM x;
WITH x (one, two) AS (INSERT INTO t VALUES (20, 'twenty', 20) RETURNING id) SELECT 1;
SELECT * FROM (WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x) q;
WITH moved AS (DELETE FROM t WHERE id = 20 RETURNING *) UPDATE t SET n = moved.n FROM moved WHERE t.id = 10 RETURNING t.id, t.n;
WITH v AS (SELECT 30 AS id) INSERT INTO t (id) SELECT id FROM v RETURNING id;
WITH d AS (DELETE FROM t WHERE id = 30 RETURNING id) DELETE FROM t USING d WHERE t.id = d.id - 19 RETURNING t.id;
SELECT id, n FROM t ORDER BY id;
-- ON CONFLICT.
INSERT INTO t VALUES (10, 'again', 1) ON CONFLICT (id) DO NOTHING RETURNING *;
INSERT INTO t VALUES (10, 'again', 1) ON CONFLICT (id) DO UPDATE SET name = excluded.name, n = t.n + excluded.n RETURNING *;
INSERT INTO t AS x VALUES (10, 'third', 1) ON CONFLICT (id) DO UPDATE SET name = excluded.name WHERE x.n < 0 RETURNING *;
INSERT INTO t VALUES (40, 'new', 1), (10, 'old', 1) ON CONFLICT (id) DO UPDATE SET name = 'conflict' RETURNING id, name;
INSERT INTO t VALUES (10, 'x') ON CONFLICT (name) DO NOTHING;
