-- DISTINCT ON: rows come sorted by its expressions, and ORDER BY names these first.
CREATE TABLE staff (id int PRIMARY KEY, name text, org text, boss int);
INSERT INTO staff VALUES (5, 'p1', 'o1', NULL), (4, 'p2', 'o1', 5), (3, 'p3', 'o1', NULL), (2, 'p1', 'o2', 3), (1, 'p0', NULL, 3);
SELECT DISTINCT ON (name) name, org FROM staff ORDER BY name, org DESC;
SELECT array_agg(name) FROM (SELECT DISTINCT ON (name) name FROM staff) s;
SELECT array_agg(org) FROM (SELECT DISTINCT ON (org) org FROM staff) s;
SELECT array_agg(org || name) FROM (SELECT DISTINCT ON (org, name) org, name FROM staff ORDER BY org DESC) s;
SELECT array_agg(n) FROM (SELECT DISTINCT ON (id % 3) id % 3 AS n FROM staff) s;
SELECT DISTINCT ON (org) org, name FROM staff ORDER BY name;
SELECT DISTINCT ON (org) org, name FROM staff ORDER BY name, org;
SELECT DISTINCT ON (org, boss) org, boss FROM staff ORDER BY org, name, boss;
SELECT DISTINCT ON (org, boss) org, boss, id FROM staff ORDER BY boss, org, id;
SELECT DISTINCT ON (2) name, org FROM staff ORDER BY org, name;
SELECT array_agg(org) FROM (SELECT DISTINCT ON (org) org FROM staff LIMIT 1) s;
DROP TABLE staff;
