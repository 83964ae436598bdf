CREATE TABLE marked (v text CHECK (v ~ 'a\.b'), w text DEFAULT E'x\\y''z');
SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'marked'::regclass;
SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = 'marked'::regclass;
INSERT INTO marked VALUES ('a.b') RETURNING *;
INSERT INTO marked VALUES ('axb');
