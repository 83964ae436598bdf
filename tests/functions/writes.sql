-- Functions that write: several statements, RETURNING, errors in them, and what undoes them.
CREATE TABLE accounts (id int PRIMARY KEY, balance int NOT NULL CHECK (balance >= 0));
CREATE TABLE log (id serial PRIMARY KEY, what text);
INSERT INTO accounts VALUES (1, 100), (2, 50);
CREATE FUNCTION transfer(giver int, taker int, amount int) RETURNS int LANGUAGE sql AS $$
  UPDATE accounts SET balance = balance - amount WHERE id = giver;
  UPDATE accounts SET balance = balance + amount WHERE id = taker;
  INSERT INTO log (what) VALUES (giver || ' to ' || taker || ': ' || amount);
  SELECT balance FROM accounts WHERE id = giver;
$$;
SELECT transfer(1, 2, 30);
SELECT * FROM accounts ORDER BY id;
SELECT transfer(1, 2, 300);
SELECT * FROM accounts ORDER BY id;
SELECT what FROM log ORDER BY id;
CREATE FUNCTION note(t text) RETURNS int LANGUAGE sql AS 'INSERT INTO log (what) VALUES (t) RETURNING id';
SELECT note('a') > 0, note('b') > 0;
SELECT count(note(w)) FROM (VALUES ('c'), ('d'), ('e')) AS v (w);
SELECT what FROM log ORDER BY id;
CREATE FUNCTION pay_all(extra int) RETURNS SETOF accounts LANGUAGE sql AS
  'UPDATE accounts SET balance = balance + extra RETURNING *';
SELECT * FROM pay_all(1) ORDER BY id;
SELECT sum(balance) FROM pay_all(1);
CREATE FUNCTION gone(w text) RETURNS TABLE (n int, was text) LANGUAGE sql AS
  'DELETE FROM log WHERE what = w RETURNING 1, what';
SELECT * FROM gone('c');
SELECT * FROM gone('c');
SELECT was FROM gone('d') WITH ORDINALITY;
CREATE FUNCTION quiet() RETURNS void LANGUAGE sql AS $$ INSERT INTO log (what) VALUES ('quiet'); DELETE FROM log WHERE what = 'e' $$;
SELECT quiet();
SELECT what FROM log ORDER BY id;
BEGIN;
SELECT note('undone') > 0;
SAVEPOINT s;
SELECT transfer(1, 2, 10);
ROLLBACK TO s;
SELECT count(*) FROM log WHERE what = 'undone';
ROLLBACK;
SELECT count(*) FROM log WHERE what = 'undone';
SELECT * FROM accounts ORDER BY id;
CREATE TABLE made (n int DEFAULT note('made'), m int);
INSERT INTO made (m) VALUES (1), (2);
SELECT count(DISTINCT n), count(*) FROM made;
SELECT count(*) FROM log WHERE what = 'made';
CREATE FUNCTION twice(t text) RETURNS int LANGUAGE sql AS 'SELECT note(t); SELECT note(t || t)';
SELECT twice('x') > 0;
SELECT what FROM log WHERE what LIKE 'x%' ORDER BY id;
CREATE FUNCTION with_cte(t text) RETURNS SETOF text LANGUAGE sql AS
  'WITH gone AS (DELETE FROM log WHERE what LIKE t RETURNING what) SELECT what FROM gone ORDER BY what';
SELECT * FROM with_cte('x%');
INSERT INTO accounts SELECT id + 10, balance FROM pay_all(0);
UPDATE accounts SET balance = transfer(1, 2, 1) WHERE id = 11 RETURNING balance;
SELECT * FROM accounts ORDER BY id;
CREATE FUNCTION bad() RETURNS int LANGUAGE sql AS $$ INSERT INTO accounts VALUES (1, 1) RETURNING id $$;
SELECT bad();
SELECT * FROM bad();
SELECT count(bad()) FROM accounts;
BEGIN READ ONLY;
SELECT note('x');
ROLLBACK;
CREATE FUNCTION ddl() RETURNS void LANGUAGE sql AS 'CREATE TABLE by_function (a int)';
SELECT ddl();
INSERT INTO by_function VALUES (1);
SELECT * FROM by_function;
SELECT ddl();
CREATE FUNCTION ends() RETURNS void LANGUAGE sql AS 'COMMIT';
SELECT ends();
-- One that calls itself.
CREATE FUNCTION fact(n int) RETURNS bigint LANGUAGE sql AS
  'SELECT CASE WHEN n <= 1 THEN 1 ELSE n * fact(n - 1) END';
SELECT fact(5), fact(10);
SELECT n, fact(n) FROM generate_series(1, 4) n ORDER BY n;
-- A function that is given what changes computes it once.
CREATE SEQUENCE seq;
CREATE FUNCTION doubled(a bigint) RETURNS text LANGUAGE sql AS $$ SELECT a || '-' || a $$;
SELECT doubled(nextval('seq')), doubled(nextval('seq'));
CREATE FUNCTION ignores(a bigint) RETURNS int LANGUAGE sql AS 'SELECT 1';
SELECT ignores(nextval('seq')), currval('seq');
DROP TABLE accounts;
SELECT transfer(1, 2, 3);
