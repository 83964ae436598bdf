-- Where no line fits best there is none: NULL, not NaN.
CREATE TABLE fitted (g int, y float8, x float8);
INSERT INTO fitted VALUES (1, 1, 1), (2, 1, 1), (2, 2, 1), (3, 1, 1), (3, 1, 2), (4, 0, 1), (4, 2, 3), (5, NULL, 1), (6, 'NaN', 1), (6, 1, 2);
SELECT g, corr(y, x), regr_slope(y, x), regr_r2(y, x) FROM fitted GROUP BY g ORDER BY g;
SELECT g, regr_intercept(y, x), covar_pop(y, x), regr_count(y, x) FROM fitted WHERE g < 6 GROUP BY g ORDER BY g;
SELECT corr(y, x), regr_slope(y, x) FROM fitted WHERE false;
SELECT g, corr(y, x) OVER (PARTITION BY g), regr_slope(y, x) OVER (PARTITION BY g) FROM fitted WHERE g < 5 ORDER BY g, y, x;
SELECT g, corr(y, x) FILTER (WHERE x > 1), regr_slope(DISTINCT y, x) FROM fitted WHERE g < 5 GROUP BY g ORDER BY g;
DROP TABLE fitted;
