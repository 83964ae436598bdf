-- Where an error is said to be: the CONTEXT of functions and blocks, and the text inside that is at fault.
CREATE TABLE t (id int PRIMARY KEY, n int);
INSERT INTO t VALUES (1, 1);
CREATE FUNCTION writes(i int) RETURNS int LANGUAGE sql AS 'SELECT 1; INSERT INTO t VALUES (i, 1) RETURNING n';
SELECT writes(1);
CREATE FUNCTION outer_one(i int) RETURNS int LANGUAGE sql AS 'UPDATE t SET n = n + 1; SELECT writes(i)';
SELECT outer_one(1);
CREATE PROCEDURE calls(i int) LANGUAGE sql AS 'INSERT INTO t VALUES (i, 2); INSERT INTO t VALUES (i, 2)';
CALL calls(5);
CREATE FUNCTION h() RETURNS int LANGUAGE sql AS $$ SELECT 'x'::text $$;
CREATE FUNCTION h() RETURNS int LANGUAGE sql AS $$ SELECT nothing $$;
CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM soon_gone';
CREATE TABLE soon_gone (a int);
CREATE FUNCTION reads() RETURNS bigint LANGUAGE sql STABLE AS 'SELECT a + 1 FROM soon_gone';
DROP TABLE soon_gone;
SELECT reads();
DO $$ BEGIN
  INSERT INTO t VALUES (1, 1);
END $$;
DO $$ BEGIN
  PERFORM 1 / (SELECT 0);
END $$;
DO $$
BEGIN
  IF missing THEN NULL; END IF;
END $$;
DO $$ BEGIN SELECT * FROM missing; END $$;
DO $$ BEGIN PERFORM missing(1); END $$;
DO $$ BEGIN RAISE EXCEPTION 'x'; END $$;
DO $$ BEGIN PERFORM writes(1); END $$;
DO $$ BEGIN CALL calls(7); END $$;
DO $$ BEGIN
  BEGIN
    PERFORM 1;
  EXCEPTION WHEN others THEN NULL;
  END;
  CREATE TABLE t (a int);
END $$;
