SELECT pg_typeof(CASE WHEN true THEN 1::oid ELSE 0 END), pg_typeof(coalesce(NULL::oid, 1)), 1::oid = 1, 1::oid IN (1, 2);
CREATE TABLE kept (n int, m bigint);
INSERT INTO kept VALUES (5::oid, 6::oid);
SELECT n, m FROM kept WHERE n = 5::oid AND m = 6::oid;
SELECT abs(1::oid);
DROP TABLE kept;
