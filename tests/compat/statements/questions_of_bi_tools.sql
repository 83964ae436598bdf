-- Questions as BI tools put them: buckets of time and numbers, comparisons with before, running totals, pivots.
CREATE SCHEMA bi;
CREATE TABLE bi.orders (id int PRIMARY KEY, product_id int, user_id int, total float8, tax numeric(10,2), discount numeric, quantity int,
  created_at timestamptz, shipped timestamp, due date, state varchar(2), source text, vip boolean);
INSERT INTO bi.orders SELECT i, 1 + i % 7, 1 + i * 3 % 11, i * 1.25, i * 0.07, CASE WHEN i % 4 = 0 THEN i * 0.333 END, i % 6,
  timestamptz '2024-01-28 03:17:00+00' + i * interval '1 day 5 hours', timestamp '2024-02-01' + i * interval '31 hours', date '2024-02-10' + i,
  (ARRAY['CA', 'NY', 'TX', NULL])[1 + i % 4], CASE i % 3 WHEN 0 THEN 'Twitter' WHEN 1 THEN 'Google' END, i % 5 = 0 FROM generate_series(1, 120) i;
CREATE TABLE bi.products (id int PRIMARY KEY, title text, category text, price numeric(8,2), rating real);
INSERT INTO bi.products SELECT i, 'Product ' || i, (ARRAY['Gadget', 'Doohickey', 'Widget'])[1 + i % 3], i * 9.99, i / 2.0 FROM generate_series(1, 7) i;
SELECT "bi"."orders"."id" AS "id", "bi"."orders"."created_at" AS "created_at", "Products"."title" AS "Products__title" FROM "bi"."orders" LEFT JOIN "bi"."products" AS "Products" ON "bi"."orders"."product_id" = "Products"."id" WHERE "bi"."orders"."id" < 9 ORDER BY "bi"."orders"."id" ASC LIMIT 1048575;
SELECT DATE_TRUNC('month', "bi"."orders"."created_at") AS "created_at", COUNT(*) AS "count", SUM("bi"."orders"."total") AS "sum" FROM "bi"."orders" GROUP BY DATE_TRUNC('month', "bi"."orders"."created_at") ORDER BY DATE_TRUNC('month', "bi"."orders"."created_at") ASC;
SELECT CAST(DATE_TRUNC('week', CAST("source"."shipped" AS timestamp) + INTERVAL '1 day') AS timestamp) + INTERVAL '-1 day' AS "week", COUNT(*) FROM "bi"."orders" AS "source" GROUP BY 1 ORDER BY 1 LIMIT 8;
SELECT CAST(DATE_TRUNC('quarter', due) AS date) AS q, avg(tax), min(tax), max(tax), sum(discount) FROM bi.orders GROUP BY 1 ORDER BY 1;
SELECT CAST(extract(dow FROM created_at) AS integer) + 1 AS weekday, CAST(extract(hour FROM created_at) AS integer) AS h, CEIL((CAST(extract(doy FROM CAST(DATE_TRUNC('week', created_at) AS timestamp)) AS integer) / 7.0)) AS week_of_year, count(*) FROM bi.orders GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 10;
SELECT timezone('America/New_York', created_at) AS there, DATE_TRUNC('day', timezone('America/New_York', created_at)) AS day_there, timezone('America/New_York', shipped) AS from_there FROM bi.orders ORDER BY id LIMIT 4;
SELECT ((FLOOR(((total - 0.0) / 25.0)) * 25.0) + 0.0) AS bin, count(*), count(DISTINCT user_id) FROM bi.orders GROUP BY 1 ORDER BY 1;
SELECT FLOOR(((tax - 0) / 2.5)) * 2.5 + 0 AS bin, avg(quantity) FROM bi.orders GROUP BY FLOOR(((tax - 0) / 2.5)) * 2.5 + 0 ORDER BY 1;
SELECT state, count(*) AS n, CAST(count(*) AS float) / NULLIF(SUM(count(*)) OVER (), 0.0) AS share, sum(sum(total)) OVER (ORDER BY state ASC ROWS UNBOUNDED PRECEDING) AS running FROM bi.orders GROUP BY state ORDER BY state;
SELECT month, total, LAG(total, 1) OVER (ORDER BY month ASC) AS before, CAST(total AS float) / NULLIF(LAG(total, 1) OVER (ORDER BY month ASC), 0) - 1.0 AS change FROM (SELECT DATE_TRUNC('month', shipped) AS month, SUM(total) AS total FROM bi.orders GROUP BY 1) AS months ORDER BY month;
SELECT PERCENTILE_CONT(0.9) WITHIN GROUP (ORDER BY total) AS p90, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY tax) AS median, round(CAST(stddev_pop(total) AS numeric), 6) AS spread, round(CAST(var_pop(quantity) AS numeric), 6) FROM bi.orders;
SELECT SUM(CASE WHEN source = 'Google' THEN total ELSE 0.0 END) AS google, SUM(CASE WHEN source = 'Twitter' THEN 1 ELSE 0.0 END) / CAST(COUNT(*) AS float) AS share, COUNT(*) FILTER (WHERE vip) AS vips, COUNT(CASE WHEN vip IS NOT TRUE THEN 1 END) FROM bi.orders;
SELECT COALESCE(source, 'none') AS s, vip, GROUPING(source, vip) AS g, SUM(quantity), COUNT(DISTINCT CASE WHEN state IS NOT NULL THEN state END) FROM bi.orders GROUP BY GROUPING SETS ((source, vip), (source), (vip), ()) ORDER BY 3, 1, 2;
SELECT LOWER("Products"."category") AS category, SUBSTRING("Products"."title", 1, 7) AS start, REPLACE(title, 'Product ', '#') AS short, CONCAT(category, '-', price, '-', rating) AS all_, LENGTH(title), REGEXP_REPLACE(title, '\d+$', '') AS stem, SUBSTRING(title FROM '\d+') AS number FROM bi.products AS "Products" WHERE (LOWER(category) LIKE '%get%') AND NOT (title LIKE 'Product 1%') ORDER BY id;
SELECT id FROM bi.orders WHERE created_at >= DATE_TRUNC('month', timestamptz '2024-03-15 10:00+00' + INTERVAL '-1 month') AND created_at < DATE_TRUNC('month', timestamptz '2024-03-15 10:00+00') ORDER BY id;
SELECT id FROM bi.orders WHERE CAST(created_at AS date) BETWEEN date '2024-02-01' AND date '2024-02-05' OR due = timestamp '2024-02-20' OR shipped::date = '2024-02-03' ORDER BY id;
SELECT date_part('year', age(timestamp '2026-05-01', shipped)) AS y, (DATE_PART('epoch', created_at) - DATE_PART('epoch', shipped)) / 86400 AS days, EXTRACT(epoch FROM (due::timestamp - shipped)) / 3600 AS hours, due - shipped::date AS d FROM bi.orders ORDER BY id LIMIT 5;
WITH ranked AS (SELECT p.category, o.user_id, SUM(o.total) AS spent, ROW_NUMBER() OVER (PARTITION BY p.category ORDER BY SUM(o.total) DESC, o.user_id) AS place FROM bi.orders o JOIN bi.products p ON p.id = o.product_id GROUP BY 1, 2) SELECT * FROM ranked WHERE place <= 2 ORDER BY 1, place;
SELECT u.user_id, f.first_order, count(*) FILTER (WHERE o.created_at < f.first_order + interval '30 days') AS in_month FROM (SELECT DISTINCT user_id FROM bi.orders) u JOIN LATERAL (SELECT min(created_at) AS first_order FROM bi.orders x WHERE x.user_id = u.user_id) f ON true JOIN bi.orders o USING (user_id) GROUP BY 1, 2 ORDER BY 1;
SELECT d::date AS day, coalesce(n, 0) AS n FROM generate_series(date '2024-02-01', date '2024-02-06', interval '1 day') d LEFT JOIN (SELECT shipped::date AS day, count(*) AS n FROM bi.orders GROUP BY 1) o ON o.day = d::date ORDER BY 1;
SELECT CASE WHEN total < 50 THEN 'small' WHEN total < 100 THEN 'medium' ELSE 'large' END AS size, count(*), string_agg(DISTINCT state, ', ' ORDER BY state) FROM bi.orders GROUP BY 1 HAVING count(*) > 1 ORDER BY 2 DESC, 1;
SELECT count(*) AS count, avg(total)::numeric(10,4), max(created_at), min(due), bool_and(vip), mode() WITHIN GROUP (ORDER BY state) FROM (SELECT * FROM bi.orders WHERE (state = 'CA' OR state IS NULL) AND (quantity <> 3 OR quantity IS NULL) LIMIT 1048575) AS source;
SELECT to_char(created_at, 'YYYY-MM-DD HH24:MI') AS minute, to_char(total, 'FM999,990.00') AS money, to_char(due, 'Day, DD Mon YYYY') AS day, to_char(shipped, 'IYYY-"W"IW') AS week FROM bi.orders ORDER BY id LIMIT 4;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = '2147483647';
SELECT EXISTS (SELECT 1 FROM bi.orders WHERE total > 149) AS any_, (SELECT count(*) FROM bi.orders) AS all_, NOT EXISTS (SELECT 1 FROM bi.products p WHERE NOT EXISTS (SELECT 1 FROM bi.orders o WHERE o.product_id = p.id));
SELECT state, source, count(*) FROM bi.orders GROUP BY state, source ORDER BY count(*) DESC, state ASC NULLS FIRST, source DESC NULLS LAST OFFSET 2 FETCH FIRST 4 ROWS ONLY;
SELECT corr(total, quantity) BETWEEN -1 AND 1, regr_slope(total, id), covar_pop(total, id), width_bucket(total, 0, 150, 3) AS b FROM bi.orders GROUP BY b ORDER BY b;
DROP SCHEMA bi CASCADE;
