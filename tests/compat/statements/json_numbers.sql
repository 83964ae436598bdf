-- Numbers keep their digits, and a json its spelling, also where no table is read.
SELECT jsonb '{"a": 1234567890.1234567890}' ->> 'a', json '[1.50, 2e3]' -> 0, json '{"a" :  {"b":1}}' -> 'a';
SELECT (jsonb '{"a": 99998969694839.983485848}' ->> 'a')::numeric(25,9), jsonb '["a", null]' ->> 1, jsonb '["a"]' -> 3;
SELECT jsonb '{"a": "b"}' ->> 'a', jsonb '{"a": "b"}' -> 'a', jsonb '3' -> 'a', jsonb '[1,2]' -> -1, json '[1]' ->> 'a';
