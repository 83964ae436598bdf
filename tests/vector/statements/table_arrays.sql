CREATE TABLE listed (id int, vs vector(2)[], hs halfvec[]);
INSERT INTO listed VALUES (1, ARRAY['[1,2]'::vector, '[3,4]'], '{"[1,2,3]"}'), (2, '{}', NULL), (3, '{"[1,2]",NULL}', '{NULL}');
INSERT INTO listed VALUES (4, '{"[1,2,3]"}', NULL);
SELECT id, vs, hs, vs[1], array_length(vs, 1) FROM listed ORDER BY id;
SELECT id, v FROM listed, unnest(vs) v ORDER BY id, v;
DROP TABLE listed;
