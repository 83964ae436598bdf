-- A reference to what exists, and to what does not.
CREATE TABLE p (id int PRIMARY KEY, name text);
INSERT INTO p VALUES (1, 'one'), (2, 'two'), (3, 'three');
CREATE TABLE c (id int PRIMARY KEY, p_id int REFERENCES p);
INSERT INTO c VALUES (10, 1), (11, 2), (12, NULL);
INSERT INTO c VALUES (13, 9);
INSERT INTO c VALUES (13, 1), (14, 8), (15, 9);
UPDATE c SET p_id = 7 WHERE id = 10;
UPDATE c SET p_id = 3 WHERE id = 10;
UPDATE c SET p_id = NULL WHERE id = 10;
SELECT * FROM c ORDER BY id;

-- NO ACTION: the row referred to stays.
DELETE FROM p WHERE id = 2;
DELETE FROM p;
UPDATE p SET id = 20 WHERE id = 2;
UPDATE p SET id = id, name = 'TWO' WHERE id = 2;
DELETE FROM p WHERE id = 1;
SELECT * FROM p ORDER BY id;
INSERT INTO c SELECT g, g % 2 + 2 FROM generate_series(100, 150) g;
INSERT INTO c SELECT g, g % 3 + 2 FROM generate_series(200, 250) g;
SELECT count(*), min(p_id), max(p_id) FROM c;

-- CASCADE, over two steps.
CREATE TABLE a (id int PRIMARY KEY);
CREATE TABLE b (id int PRIMARY KEY, a_id int REFERENCES a ON DELETE CASCADE ON UPDATE CASCADE);
CREATE TABLE d (id int PRIMARY KEY, b_id int REFERENCES b (id) ON DELETE CASCADE ON UPDATE CASCADE);
INSERT INTO a VALUES (1), (2);
INSERT INTO b VALUES (1, 1), (2, 1), (3, 2);
INSERT INTO d VALUES (1, 1), (2, 2), (3, 3), (4, 3);
DELETE FROM a WHERE id = 1;
SELECT * FROM b ORDER BY id;
SELECT * FROM d ORDER BY id;
UPDATE a SET id = 7 WHERE id = 2;
SELECT * FROM b ORDER BY id;
UPDATE b SET id = 9;
SELECT * FROM d ORDER BY id;
DELETE FROM a;
SELECT count(*) FROM d;

-- SET NULL and SET DEFAULT, and columns that refuse them.
CREATE TABLE s (id int PRIMARY KEY);
INSERT INTO s VALUES (0), (1), (2), (3);
CREATE TABLE sn (id int PRIMARY KEY, s_id int REFERENCES s ON DELETE SET NULL ON UPDATE SET NULL);
CREATE TABLE sd (id int PRIMARY KEY, s_id int DEFAULT 0 REFERENCES s ON DELETE SET DEFAULT);
INSERT INTO sn VALUES (1, 1), (2, 2);
INSERT INTO sd VALUES (1, 1), (2, 2);
DELETE FROM s WHERE id = 1;
UPDATE s SET id = 22 WHERE id = 2;
SELECT * FROM sn ORDER BY id;
SELECT * FROM sd ORDER BY id;
DELETE FROM sd WHERE id = 2;
UPDATE s SET id = 22 WHERE id = 2;
SELECT * FROM sn ORDER BY id;
DELETE FROM s WHERE id = 0;
CREATE TABLE refuses (s_id int NOT NULL CONSTRAINT no_nulls REFERENCES s ON DELETE SET NULL);
INSERT INTO refuses VALUES (3);
DELETE FROM s WHERE id = 3;

-- RESTRICT.
CREATE TABLE r (s_id int REFERENCES s ON DELETE RESTRICT ON UPDATE RESTRICT);
INSERT INTO r VALUES (22);
DELETE FROM s WHERE id = 22;
UPDATE s SET id = 23 WHERE id = 22;

-- Several columns, in another order than the key's; MATCH FULL; ON DELETE SET NULL of one of them.
CREATE TABLE pair (x int, y text, PRIMARY KEY (x, y));
INSERT INTO pair VALUES (1, 'a'), (1, 'b'), (2, 'a');
CREATE TABLE uses (id int, b text, a int, FOREIGN KEY (b, a) REFERENCES pair (y, x));
INSERT INTO uses VALUES (1, 'a', 1), (2, NULL, 5), (3, 'zz', NULL);
INSERT INTO uses VALUES (4, 'b', 2);
DELETE FROM pair WHERE x = 1 AND y = 'a';
CREATE TABLE whole (a int, b text, CONSTRAINT whole_key FOREIGN KEY (a, b) REFERENCES pair MATCH FULL);
INSERT INTO whole VALUES (NULL, NULL), (1, 'b');
INSERT INTO whole VALUES (1, NULL);
INSERT INTO whole VALUES (2, 'b');
CREATE TABLE partly (a int, b text, FOREIGN KEY (a, b) REFERENCES pair ON DELETE SET NULL (b));
INSERT INTO partly VALUES (2, 'a');
DELETE FROM pair WHERE x = 2;
SELECT * FROM partly ORDER BY a;
CREATE TABLE wrong (a int, b text, c int, FOREIGN KEY (a, b) REFERENCES pair ON DELETE SET NULL (c));
CREATE TABLE wrong (a int, FOREIGN KEY (a) REFERENCES pair MATCH PARTIAL);

-- A table that refers to itself.
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON DELETE CASCADE);
INSERT INTO tree VALUES (2, 1), (1, NULL), (3, 2), (4, 3);
INSERT INTO tree VALUES (9, 8);
INSERT INTO tree VALUES (9, 9);
DELETE FROM tree WHERE id = 2;
SELECT * FROM tree ORDER BY id;
CREATE TABLE chain (id int PRIMARY KEY, up int REFERENCES chain);
INSERT INTO chain VALUES (1, NULL), (2, 1), (3, 2);
DELETE FROM chain WHERE id = 2;
DELETE FROM chain;
SELECT count(*) FROM chain;

-- References to a UNIQUE constraint, to a unique index, and across types.
CREATE TABLE coded (id int, code text UNIQUE, big bigint UNIQUE, n numeric UNIQUE);
CREATE UNIQUE INDEX coded_id ON coded (id);
INSERT INTO coded VALUES (1, 'x', 100, 1.50), (2, 'y', 200, 2);
CREATE TABLE by_code (code varchar(10) REFERENCES coded (code) ON UPDATE CASCADE);
CREATE TABLE by_id (id bigint REFERENCES coded (id));
CREATE TABLE by_big (big smallint REFERENCES coded (big) ON UPDATE CASCADE);
CREATE TABLE by_n (n int REFERENCES coded (n));
INSERT INTO by_code VALUES ('x');
INSERT INTO by_code VALUES ('q');
INSERT INTO by_id VALUES (2);
INSERT INTO by_id VALUES (5000000000);
INSERT INTO by_big VALUES (100);
INSERT INTO by_n VALUES (2);
INSERT INTO by_n VALUES (1);
UPDATE coded SET code = 'xx' WHERE id = 1;
SELECT * FROM by_code ORDER BY code;
UPDATE coded SET big = 101 WHERE id = 1;
SELECT * FROM by_big ORDER BY big;
UPDATE coded SET big = 99999 WHERE id = 1;
DELETE FROM coded WHERE id = 2;

-- Definitions that cannot be.
CREATE TABLE bad (a int REFERENCES nowhere);
CREATE TABLE bad (a int REFERENCES c (p_id));
CREATE TABLE bad (a int REFERENCES c (nothing));
CREATE TABLE bad (a int, FOREIGN KEY (nothing) REFERENCES c);
CREATE TABLE bad (a int, FOREIGN KEY (a) REFERENCES pair);
CREATE TABLE bad (a text REFERENCES c);
CREATE TABLE bad (a int REFERENCES by_n);
CREATE VIEW seen AS SELECT * FROM c;
CREATE TABLE bad (a int REFERENCES seen);
CREATE TABLE late (id int PRIMARY KEY DEFERRABLE);
CREATE TABLE bad (a int REFERENCES late);
CREATE TABLE bad (a int CONSTRAINT x REFERENCES c CONSTRAINT x REFERENCES c);

-- Other ways to write.
INSERT INTO c VALUES (13, 4) ON CONFLICT (id) DO UPDATE SET p_id = 99;
INSERT INTO c VALUES (11, 4) ON CONFLICT (id) DO UPDATE SET p_id = 99;
INSERT INTO c VALUES (11, 4) ON CONFLICT (id) DO UPDATE SET p_id = 4 RETURNING *;
WITH moved AS (SELECT 3 AS id) UPDATE c SET p_id = moved.id FROM moved WHERE c.id = 12;
DELETE FROM p USING c WHERE c.p_id = p.id AND p.id = 3;
