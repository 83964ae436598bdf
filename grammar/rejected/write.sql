INSERT INTO nowhere VALUES (1);
-- 42P01 at 13
INSERT INTO notes (nothing) VALUES (1);
-- 42703 at 20
INSERT INTO notes (id, id) VALUES (1, 2);
-- 42701 at 24
INSERT INTO notes (id) VALUES (1, 2);
-- 42601 at 35
INSERT INTO notes (id, note) VALUES (1);
-- 42601 at 24
INSERT INTO notes VALUES (1, 'x');
-- 22P02 at 30
INSERT INTO notes (id) VALUES (true);
-- 42804 at 32
INSERT INTO notes (id) SELECT title FROM docs;
-- 42804 at 31
INSERT INTO notes VALUES (1, 1, 'a', 1);
-- 23505
INSERT INTO notes (note) VALUES ('a');
-- 23502
INSERT INTO notes (id, stars) VALUES (20, 99999);
-- 22003
INSERT INTO notes (id) VALUES (1) ON CONFLICT (note) DO NOTHING;
-- 42P10
INSERT INTO notes (id) VALUES (1) ON CONFLICT DO UPDATE SET note = 'a';
-- 42601 at 35
UPDATE notes SET nothing = 1;
-- 42703 at 18
UPDATE notes SET note = 1, note = 2;
-- 42601
UPDATE notes SET id = 'x';
-- 22P02 at 23
UPDATE notes SET stars = true;
-- 42804 at 26
UPDATE nowhere SET id = 1;
-- 42P01 at 8
DELETE FROM nowhere;
-- 42P01 at 13
DELETE FROM notes WHERE nothing = 1;
-- 42703 at 25
UPDATE notes SET note = 'a' RETURNING nothing;
-- 42703 at 39
COPY nowhere TO STDOUT;
-- 42P01
COPY notes (nothing) TO STDOUT;
-- 42703
COPY notes TO STDOUT WITH (FORMAT yaml);
-- 22023 at 28
COPY notes TO STDOUT WITH (nothing);
-- 42601 at 28
