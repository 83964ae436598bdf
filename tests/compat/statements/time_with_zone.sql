CREATE TABLE shifts (x timetz, y timetz(2));
INSERT INTO shifts VALUES ('12:57:18+00:00', '12:57:18.1234+02'), (NULL, NULL);
SELECT x, y FROM shifts;
SELECT x FROM shifts WHERE x = '12:57:18+00:00';
SELECT x FROM shifts ORDER BY x;
UPDATE shifts SET y = x RETURNING y;
DROP TABLE shifts;
