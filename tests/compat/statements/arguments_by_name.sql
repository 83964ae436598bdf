SELECT make_interval(secs => 1.5), make_interval(days => 2, years := 1), make_interval(1, hours => 3);
SELECT make_interval(0, 0, 0, 0, 0, 0, 30.25);
SELECT make_date(month => 2, day => 3, year => 2024);
SELECT jsonb_set('{"a": 1}', path => '{a}', replacement => '2');
SELECT make_interval(fortnights => 2);
SELECT make_interval(1, years => 2);
