CREATE TABLE numbers (i int, b bigint, s smallint);
INSERT INTO numbers VALUES (10, 5, 3), (2000000000, NULL, 4);
SELECT i # NULL, i & NULL, i | 1, i # 3, i << 2, i >> 1, b << 40, s << 14, s >> 1 FROM numbers;
SELECT 1 << 33, 2000000000 << 2, -8 >> 1, 1::bigint << 63, 3::smallint << 15, -1 << 31;
SELECT '3' & 5, b & 1, s | i FROM numbers;
UPDATE numbers SET i = i # NULL, s = s << 1 WHERE b = 5 RETURNING i, s;
SELECT 1.5 & 2;
SELECT i & 1.5 FROM numbers;
DROP TABLE numbers;
