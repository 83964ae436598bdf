-- The type, as it is printed.
SELECT '$'::jsonpath, '$.a.b[*]'::jsonpath, 'strict $."a b"[0, 1 to last]'::jsonpath, 'lax $.*'::jsonpath, '$.**{2 to last}.x'::jsonpath, '$.**'::jsonpath;
SELECT '$.a ? (@.b > 1 && !(@.c == "x") || exists(@.d))'::jsonpath, '$.a + 1 * 2'::jsonpath, '($.a + 1) * 2'::jsonpath, '-$.a'::jsonpath;
SELECT '$.a > 1'::jsonpath, '$ ? (@ like_regex "^a" flag "i")'::jsonpath, '$ ? (@ starts with $x)'::jsonpath, '$ ? ((@ > 1) is unknown)'::jsonpath, '$.size().type()'::jsonpath;
SELECT '$.a <> null'::jsonpath, '$ ? (@.x == true)'::jsonpath, '1.50'::jsonpath, '"x\ty"'::jsonpath, '$"va r"'::jsonpath, 'last'::text;
SELECT ''::jsonpath;
SELECT '$.'::jsonpath;
SELECT '$ ?'::jsonpath;
SELECT '$.a ? (@.b'::jsonpath;
SELECT '$..a'::jsonpath;
SELECT pg_typeof('$'::jsonpath), '$.a'::jsonpath::text;
-- Items.
SELECT jsonb_path_query('{"a": [1, 2, {"b": 3}], "c": {"d": null}}', '$.a[*]');
SELECT * FROM jsonb_path_query('{"a": [1, 2, 3]}', '$.a[*] ? (@ > 1)') AS q(item);
SELECT jsonb_path_query_array('{"a": [1, 2, 3], "b": 1.50}', '$.*'), jsonb_path_query_array('[[1, [2]], 3]', '$.**'), jsonb_path_query_array('[[1, [2]], 3]', '$.**{1}'), jsonb_path_query_array('[[1, [2]], 3]', '$.**{last}');
SELECT jsonb_path_query_array('[1, 2, 3, 4]', '$[1 to last]'), jsonb_path_query_array('[1, 2, 3]', '$[last]'), jsonb_path_query_array('[1, 2, 3]', '$[5]'), jsonb_path_query_array('7', '$[0]'), jsonb_path_query_array('[1, 2]', '$[last - 1]');
SELECT jsonb_path_query_first('{"a": []}', '$.a[*]'), jsonb_path_query_first('{"a": [{"b": 1}, {"b": 2}]}', '$.a.b'), jsonb_path_query_array('{"a": [{"b": 1}, {"b": 2}]}', '$.a.b');
SELECT jsonb_path_query('[1, "a", null, true, {}, []]', '$[*].type()');
SELECT jsonb_path_query_array('[1.7, -2.2]', '$.floor()'), jsonb_path_query_array('[1.7, -2.2]', '$[*].ceiling()'), jsonb_path_query_array('[-1.7, 2]', '$[*].abs()'), jsonb_path_query_array('["1.50", 2]', '$[*].double()'), jsonb_path_query_array('[1, 2]', '$.size()');
SELECT jsonb_path_query('{"a": 7}', '$.a * 2 + 1'), jsonb_path_query('{"a": 7}', '$.a / 2'), jsonb_path_query('{"a": 7}', '$.a % 4'), jsonb_path_query('{"a": [7, 8]}', '-$.a');
-- Predicates.
SELECT jsonb_path_exists('{"a": [1, 2]}', '$.a[*] ? (@ > 1)'), jsonb_path_exists('{"a": 1}', '$.b'), '{"a": 1}'::jsonb @? '$.a', '{"a": 1}'::jsonb @? '$.b', '{"a": 1}'::jsonb @? 'strict $.b';
SELECT jsonb_path_match('{"a": 1}', '$.a == 1'), '{"a": 1}'::jsonb @@ '$.a > 1', '{"a": 1}'::jsonb @@ '$.b > 1', '{"a": "x"}'::jsonb @@ '$.a > 1', '{"a": 1}'::jsonb @@ '$.a';
SELECT jsonb_path_match('{"page": "a", "id": 5}', '$.page == $value', '{"value": "a"}'), jsonb_path_match('{"id": 5}', '$.id > $low && $.id < $high', vars => '{"low": 1, "high": 9}');
SELECT jsonb_path_query_array('["abc", "ABD", "x", 1]', '$[*] ? (@ like_regex "^ab" flag "i")'), jsonb_path_query_array('["abc", "abd"]', '$[*] ? (@ starts with "abd")'), jsonb_path_query_array('[1, "a", null]', '$[*] ? ((@ > 0) is unknown)');
SELECT jsonb_path_query_array('[null, 1, "a"]', '$[*] ? (@ == null)'), jsonb_path_query_array('[null, 1, "a"]', '$[*] ? (@ != null)'), jsonb_path_query_array('[{"x": 1}, {"y": 2}]', '$[*] ? (exists(@.x))'), jsonb_path_query_array('["b", "a"]', '$[*] ? (@ >= "b")');
SELECT jsonb_path_query('{"a": 1}', '$.a > 0'), jsonb_path_query('{"a": 1}', '$.b > 0'), jsonb_path_query('{"a": "x"}', '$.a > 0');
-- Errors, and passing over them.
SELECT jsonb_path_query('{"a": 1}', 'strict $.b');
SELECT jsonb_path_query('[1]', 'strict $.b');
SELECT jsonb_path_query('{"a": 1}', 'strict $[*]');
SELECT jsonb_path_query('[1]', 'strict $[3]');
SELECT jsonb_path_query('{"a": "x"}', '$.a + 1');
SELECT jsonb_path_query('{"a": "x"}', '-$.a');
SELECT jsonb_path_query('{"a": 1}', '$.a / 0');
SELECT jsonb_path_query('"x"', '$.abs()');
SELECT jsonb_path_query('"x"', '$.double()');
SELECT jsonb_path_match('{"a": 1}', '$.a');
SELECT jsonb_path_match('{"a": 1}', '$.a', silent => true);
SELECT jsonb_path_query('{"a": 1}', 'strict $.b', '{}', true);
SELECT jsonb_path_query('{"a": 1}', '$x');
SELECT jsonb_path_query('{"a": 1}', '$x', '[1]');
SELECT jsonb_path_exists(NULL, '$'), jsonb_path_exists('1', NULL);
SELECT 1 @? '$';
