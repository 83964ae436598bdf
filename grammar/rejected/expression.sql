SELECT 1 + 'x';
-- 22P02 at 12
SELECT title + 1 FROM docs;
-- 42883 at 14
SELECT id = 'x' FROM docs;
-- 22P02 at 13
SELECT id = title FROM docs;
-- 42883 at 11
SELECT nofunction(1);
-- 42883 at 8
SELECT lower(1);
-- 42883 at 8
SELECT 1::notype;
-- 42704 at 11
SELECT 'x'::integer;
-- 22P02 at 8
SELECT 1 / 0;
-- 22012
SELECT CASE WHEN 1 THEN 2 END;
-- 42804 at 18
SELECT CASE WHEN true THEN 1 ELSE live END FROM docs;
-- 42804 at 28
SELECT COALESCE(id, title) FROM docs;
-- 42804 at 21
SELECT ARRAY[];
-- 42P18 at 8
SELECT (SELECT id, title FROM docs);
-- 42601 at 8
SELECT (SELECT id FROM docs);
-- 21000
SELECT id IN (SELECT id, title FROM docs) FROM docs;
-- 42601 at 11
SELECT NOT 1;
-- 42804 at 12
SELECT 1 AND true;
-- 42804 at 8
SELECT true > 1;
-- 42883 at 13
SELECT id[1] FROM docs;
-- 42804 at 8
SELECT 1 < 2 < 3;
-- 42601 at 14
SELECT 9223372036854775807 + 1;
-- 22003
SELECT 99999999999::integer;
-- 22003
SELECT date '2024-13-01';
-- 22008 at 13
SELECT (1, 2) = (1, 2, 3);
-- 42601 at 15
SELECT live::date FROM docs;
-- 42846 at 12
SELECT id IS TRUE FROM docs;
-- 42804 at 8
SELECT EXTRACT(nothing FROM published) FROM docs;
-- 42601 at 16
SELECT int4range(1, 5) @> 3::bigint;
-- 42883 at 24
SELECT '[1,5)' @> 3;
-- 42725 at 16
SELECT int4range(1, 5) && int8range(1, 5);
-- 42883 at 24
SELECT '[5,1)'::int4range;
-- 22000 at 8
SELECT int4range(1, 2) + int4range(5, 6);
-- 22000
SELECT '[1,2'::int4range;
-- 22P02 at 8
SELECT int4range(1, 5, 'x');
-- 42601
SELECT min(int4range(1, 5));
-- 42883 at 8
SELECT '{{1,2},{3}}'::int[];
-- 22P02 at 8
SELECT ARRAY[[1, 2], [3]];
-- 2202E
SELECT '[2:1]={1}'::int[];
-- 2202E at 8
SELECT ARRAY[[1, 2]] || ARRAY[[3]];
-- 2202E
SELECT '1.2.3'::money;
-- 22P02 at 8
SELECT '1'::money + 1;
-- 42883 at 19
SELECT '1'::money * '1'::money;
-- 42883 at 19
SELECT ROW(1, 2)::notes;
-- 42846 at 17
