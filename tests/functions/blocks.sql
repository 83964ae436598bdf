-- DO: PL/pgSQL blocks of plain statements, IF, PERFORM, RAISE and EXCEPTION.
DO $$ BEGIN CREATE TABLE t (id int PRIMARY KEY, name text); END $$;
DO $$ BEGIN CREATE TABLE t (id int); END $$;
DO $$ BEGIN
  CREATE TYPE mood AS ENUM ('sad', 'ok');
EXCEPTION WHEN duplicate_object THEN null;
END $$;
DO $$ BEGIN
  CREATE TYPE mood AS ENUM ('sad', 'ok');
EXCEPTION WHEN duplicate_object THEN null;
END $$;
DO $$ BEGIN
  ALTER TABLE t ADD COLUMN feels mood;
EXCEPTION
  WHEN duplicate_column THEN RAISE NOTICE 'column feels already exists in t.';
END $$;
DO $$ BEGIN
  ALTER TABLE t ADD COLUMN feels mood;
EXCEPTION
  WHEN duplicate_column THEN RAISE NOTICE 'column feels already exists in t.';
END $$;
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'status') THEN
    CREATE TYPE status AS ENUM ('on', 'off');
  END IF;
END
$$;
DO $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM pg_type WHERE typname = 'status') THEN
    CREATE TYPE status AS ENUM ('on', 'off');
  ELSE
    RAISE NOTICE 'there is %, and % of %', 'one', 2 + 1, NULL;
  END IF;
END
$$ LANGUAGE plpgsql;
SELECT 'on'::status;
DO $$ BEGIN
  INSERT INTO t VALUES (1, 'one', 'ok');
  INSERT INTO t VALUES (2, 'two', 'sad');
  UPDATE t SET name = upper(name) WHERE id = 2;
  DELETE FROM t WHERE id = 1;
END $$;
SELECT * FROM t ORDER BY id;
DO $$ BEGIN
  INSERT INTO t VALUES (3, 'three');
  INSERT INTO t VALUES (2, 'again');
END $$;
SELECT * FROM t ORDER BY id;
DO $$ BEGIN
  INSERT INTO t VALUES (4, 'four');
  BEGIN
    INSERT INTO t VALUES (5, 'five');
    INSERT INTO t VALUES (4, 'again');
  EXCEPTION
    WHEN division_by_zero THEN RAISE NOTICE 'no';
    WHEN unique_violation OR not_null_violation THEN
      RAISE NOTICE 'handled: % %', SQLSTATE, SQLERRM;
      INSERT INTO t VALUES (6, 'six');
  END;
  INSERT INTO t VALUES (7, 'seven');
END $$;
SELECT id FROM t ORDER BY id;
DO $$ BEGIN
  PERFORM 1 / 0;
EXCEPTION WHEN others THEN
  RAISE WARNING 'others: %', SQLERRM;
END $$;
DO $$ BEGIN
  PERFORM 1 / (SELECT 0);
EXCEPTION WHEN data_exception THEN
  RAISE INFO '100%% of %', SQLSTATE;
END $$;
DO $$ BEGIN
  PERFORM 1 / 0;
EXCEPTION WHEN unique_violation THEN null;
END $$;
DO $$ BEGIN
  PERFORM 1 / 0;
EXCEPTION WHEN SQLSTATE '22012' THEN RAISE;
END $$;
DO $$ BEGIN
  IF 1 > 2 THEN RAISE NOTICE 'a'; ELSIF 2 > 1 THEN RAISE NOTICE 'b'; ELSE RAISE NOTICE 'c'; END IF;
  IF NULL THEN RAISE NOTICE 'null'; ELSEIF false THEN NULL; ELSE RAISE NOTICE 'else'; END IF;
  IF 'yes' THEN RAISE NOTICE 'text'; END IF;
  IF (SELECT count(*) FROM t) > 3 AND EXISTS (SELECT FROM t WHERE id = 7) THEN RAISE NOTICE 'many'; END IF;
END $$;
DO $$ BEGIN
  UPDATE t SET name = name WHERE id = 99;
  IF NOT FOUND THEN RAISE NOTICE 'not found'; END IF;
  PERFORM * FROM t WHERE id = 7;
  IF FOUND THEN RAISE NOTICE 'found'; END IF;
  RETURN;
  RAISE NOTICE 'never';
END $$;
DO $$ BEGIN RAISE EXCEPTION 'wrong: %', 'so'; END $$;
DO $$ BEGIN RAISE EXCEPTION 'wrong' USING ERRCODE = '22012', DETAIL = 'more', HINT = 'try'; END $$;
DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = 'built ' || 'up', ERRCODE = 'unique_violation'; END $$;
DO $$ BEGIN RAISE unique_violation; END $$;
DO $$ BEGIN RAISE division_by_zero USING MESSAGE = 'mine'; END $$;
DO $$ BEGIN RAISE SQLSTATE '12345'; END $$;
DO $$ BEGIN RAISE 'plain'; END $$;
DO $$ BEGIN RAISE; END $$;
DO $$ BEGIN RAISE NOTICE 'with' USING HINT = 'a hint', DETAIL = 'a detail'; END $$;
DO $$ BEGIN RAISE NOTICE '% %', 1; END $$;
DO $$ BEGIN SELECT 1; END $$;
DO $$ BEGIN SELECT * FROM missing; END $$;
DO $$ BEGIN IF nothing THEN NULL; END IF; END $$;
DO $$ BEGIN PERFORM missing(1); END $$;
DO $$ BEGIN NULL; EXCEPTION WHEN no_such_condition THEN NULL; END $$;
DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = 'no_such_condition'; END $$;
DO LANGUAGE sql $$ SELECT 1 $$;
DO LANGUAGE klingon $$ SELECT 1 $$;
DO $$ BEGIN END $$;
DO $$ BEGIN SAVEPOINT a; END $$;
DO $$ BEGIN CREATE DATABASE x; END $$;
BEGIN;
INSERT INTO t VALUES (20, 'outer');
DO $$ BEGIN INSERT INTO t VALUES (21, 'inner'); INSERT INTO t VALUES (20, 'dup');
EXCEPTION WHEN unique_violation THEN RAISE NOTICE 'undone'; END $$;
SELECT id FROM t WHERE id >= 20 ORDER BY id;
DO $$ BEGIN CREATE TABLE u (a int); INSERT INTO u VALUES (1); PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END $$;
SELECT * FROM u;
ROLLBACK;
SELECT id FROM t WHERE id >= 20;
CREATE FUNCTION put(n int) RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (n) RETURNING id';
CREATE PROCEDURE put_all(a int, b int) LANGUAGE sql AS 'SELECT put(a); SELECT put(b)';
DO $$ BEGIN PERFORM put(30); CALL put_all(31, 32); END $$;
SELECT id FROM t WHERE id >= 30 ORDER BY id;
DO $$ BEGIN
  CREATE TABLE parent (id int PRIMARY KEY);
  CREATE TABLE child (id int REFERENCES parent);
  INSERT INTO parent VALUES (1);
  INSERT INTO child VALUES (1);
  BEGIN
    INSERT INTO child VALUES (2);
  EXCEPTION WHEN foreign_key_violation THEN RAISE NOTICE '%', SQLERRM;
  END;
  ALTER TABLE child ADD CONSTRAINT positive CHECK (id > 0);
  BEGIN
    ALTER TABLE child ADD CONSTRAINT positive CHECK (id > 0);
  EXCEPTION WHEN duplicate_object THEN NULL;
  END;
END $$;
SELECT * FROM child;
DO $$ BEGIN SET LOCAL search_path = nowhere; PERFORM 1; END $$;
SHOW search_path;
