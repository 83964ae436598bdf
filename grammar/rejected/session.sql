SET nothing = 1;
-- 42704
SET hnsw.ef_search = 0;
-- 22023, ours
SHOW nothing;
-- 42704
EXECUTE nothing;
-- 26000
DEALLOCATE nothing;
-- 26000
PREPARE p AS SELECT nothing;
-- 42703 at 21
FETCH c;
-- 34000
CLOSE c;
-- 34000
EXPLAIN (nothing) SELECT 1;
-- 42601 at 10
SET datestyle = 'nothing';
-- 22023
SET statement_timeout = 'x';
-- 22023
