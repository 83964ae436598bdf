"""What superset_program.py asks for: tables, statements of SQL Lab, datasets, and charts as (dataset, query)."""

TABLES = (
    ("shop", "orders"), ("shop", "products"), ("shop", "sold"), ("shop", "by_country"), ("shop", "visits"),
    ("shop", "visits_2023"), ("public", "Odd Names"), ("shop", "nothing"),
)  # fmt: skip
DATASETS = (
    ("orders", "shop", None), ("products", "shop", None), ("sold", "shop", None), ("visits", "shop", None),
    ("by_country", "shop", None), ("Odd Names", "public", None),
    ("paid", "shop", "SELECT o.*, p.name FROM shop.orders o JOIN shop.products p ON p.id = o.product_id WHERE stage = 'paid';"),
    ("ranked", "shop", "WITH best AS (SELECT country, sum(amount) AS total FROM shop.orders GROUP BY 1) "
     "SELECT country, total, rank() OVER (ORDER BY total DESC) AS place FROM best"),
    ("near", "public", "SELECT id, name, price, cosine_distance(embedding, '[1,2,1]') AS distance, "
     "embedding <-> '[1,2,1]' AS far FROM shop.products"),
)  # fmt: skip
QUERIES = (
    ("public", "SELECT * FROM shop.products ORDER BY embedding <-> '[1,2,1]' LIMIT 5"),
    ("public", "SELECT id, embedding <-> '[1,0,0]' AS d, embedding FROM shop.products ORDER BY 2, 1"),
    ("public", "SELECT id FROM shop.products ORDER BY cosine_distance(embedding, '[1,2,1]'), id"),
    ("shop", "WITH big AS (SELECT * FROM orders WHERE amount > 50) SELECT country, count(*), sum(amount), avg(weight) FROM big GROUP BY 1 ORDER BY 1"),
    ("shop", "SET statement_timeout = 60000; SELECT 1 AS one; SELECT count(*) AS n FROM orders"),
    ("shop", "SELECT 1 AS a, 2 AS a, 'x', NULL, true AS yes"),
    ("shop", "SELECT * FROM orders WHERE country LIKE '%an%' ORDER BY id -- a comment"),
    ("shop", "SELECT * FROM orders ORDER BY id LIMIT 3 OFFSET 2"),
    ("shop", "SELECT * FROM orders ORDER BY id LIMIT 1000"),
    ("shop", "SELECT stage, ordered::date AS d, array_agg(id ORDER BY id) AS ids, jsonb_agg(quantity ORDER BY id) AS q, max(wait) AS w, "
     "min(at) AS t, max(customer::text) AS c FROM orders WHERE id < 30 GROUP BY 1, 2 ORDER BY 1, 2"),
    ("shop", "SELECT generate_series('2024-01-01'::timestamp, '2024-01-03', '12 hours') AS t, now() > '2020-01-01' AS later"),
    ("shop", "SELECT country, ordered, amount, lag(amount) OVER (PARTITION BY country ORDER BY ordered) AS before, "
     "sum(amount) OVER (PARTITION BY country ORDER BY ordered ROWS 3 PRECEDING) AS sliding FROM orders WHERE id < 40 ORDER BY id"),
    ("shop", "SELECT p.name, t.* FROM products p CROSS JOIN LATERAL (SELECT id, amount FROM orders o WHERE o.product_id = p.id "
     "ORDER BY amount DESC NULLS LAST, id LIMIT 2) t ORDER BY p.id, t.id"),
    ("shop", "SHOW search_path"),
    ("shop", "CREATE TABLE made (id int, note text); INSERT INTO made VALUES (1, 'a'), (2, '100%'); SELECT * FROM made WHERE note LIKE '%\\%' ORDER BY 1; DROP TABLE made"),
    ("shop", "SELECT nothing FROM orders"),
    ("shop", "SELECT * FROM nowhere"),
    ("shop", "SELEC 1"),
    ("shop", "SELECT 1 / 0"),
    ("shop", "SELECT * FROM orders WHERE id = 'x'"),
    ("public", 'SELECT * FROM "Odd Names"'),
    (None, "SELECT count(*) FROM shop.visits"),
    (None, "SELECT country, stage, GROUPING(country, stage) AS g, count(*) FROM shop.orders GROUP BY CUBE (country, stage) ORDER BY 3, 1, 2"),
)  # fmt: skip


def _sum(column, label=None):
    """An ad hoc metric of one aggregate over one column."""
    return _simple("SUM", column, label)


def _simple(aggregate, column, label=None):
    metric = {"expressionType": "SIMPLE", "aggregate": aggregate, "column": {"column_name": column}}
    return metric | {"label": label or f"{aggregate}({column})", "hasCustomLabel": label is not None}


def _sql(text, label):
    return {"expressionType": "SQL", "sqlExpression": text, "label": label, "hasCustomLabel": True}


def _per(grain, column="ordered"):
    """The axis of time."""
    axis = {"columnType": "BASE_AXIS", "expressionType": "SQL", "label": column, "sqlExpression": column}
    return axis | {"timeGrain": grain}


def _over_time(grain, column="ordered", **more):
    query = {"columns": [_per(grain, column)], "metrics": ["count"], "orderby": [["count", False]], "row_limit": 1000}
    return query | {"extras": {"time_grain_sqla": grain}} | more


def _where(column, op, value=None):
    return {"col": column, "op": op} | ({} if value is None else {"val": value})


GRAINS = (
    "PT1S", "PT5S", "PT30S", "PT1M", "PT5M", "PT10M", "PT15M", "PT30M", "PT1H", "P1D", "P1W", "P1M", "P3M", "P1Y",
)  # fmt: skip
FILTERS = (
    _where("country", "IN", ["France", "Spain"]), _where("country", "NOT IN", ["France"]), _where("country", "==", 'Ö"st\'erreich'),
    _where("country", "LIKE", "%a%"), _where("country", "ILIKE", "%A%"), _where("country", "IS NULL"), _where("country", "IS NOT NULL"),
    _where("country", "IN", ["France", None]), _where("country", "!=", "Italy"), _where("quantity", ">", 4), _where("quantity", ">=", "4"),
    _where("quantity", "IN", [1, 2, 3]), _where("amount", "<", 10.5), _where("amount", "==", "1.37"), _where("weight", "<=", 2.5),
    _where("gift", "IS TRUE"), _where("gift", "IS FALSE"), _where("gift", "==", True), _where("gift", "IN", [True, None]),
    _where("stage", "==", "paid"), _where("stage", "IN", ["paid", "sent"]), _where("day", ">", "2024-03-01"), _where("day", "==", "2024-01-05"),
    _where("ordered", "TEMPORAL_RANGE", "2024-01-01 : 2024-06-01"), _where("delivered", "TEMPORAL_RANGE", "2024-01-01T08:00:00 : 2024-03-01"),
    _where("day", "TEMPORAL_RANGE", "2024-01-01 : 2024-02-01"), _where("customer", "==", "00000000-0000-4000-8000-000000000007"),
    _where("at", ">", "10:00:00"), _where("wait", ">", "20 days"),
)  # fmt: skip
TOP = [[_sum("amount"), False]]
CHARTS = {
    **{f"per {grain} of {column}": ("orders", _over_time(grain, column))
       for grain in GRAINS for column in ("ordered", "delivered", "day")},
    **{f"where {f['col']} {f['op']} {f.get('val')}":
       ("orders", {"columns": ["id"], "metrics": ["count"], "filters": [f], "orderby": [["id", True]], "row_limit": 500})
       for f in FILTERS},
    "legacy time series": ("orders", {
        "granularity": "ordered", "groupby": ["country"], "metrics": [_sum("amount")], "is_timeseries": True,
        "extras": {"time_grain_sqla": "P1M"}, "row_limit": 1000, "time_range": "2023-01-01 : 2025-01-01"}),
    "series limit joins": ("orders", _over_time(
        "P1M", columns=[_per("P1M"), "country"], metrics=[_sum("amount")], series_columns=["country"], series_limit=2,
        series_limit_metric=_sum("amount"), orderby=TOP)),
    "series limit of two columns, ascending": ("orders", _over_time(
        "P1W", columns=[_per("P1W"), "country", "stage"], metrics=[_sum("amount")], series_columns=["country", "stage"],
        series_limit=3, series_limit_metric=_sum("amount"), order_desc=False, orderby=[["count", True]])),
    "others are one group": ("orders", _over_time(
        "P1M", columns=[_per("P1M"), "country"], metrics=["count"], series_columns=["country"], series_limit=2,
        series_limit_metric="count", group_others_when_limit_reached=True)),
    "contributions of a pivot": ("orders", _over_time(
        "P1M", columns=[_per("P1M"), "country"], metrics=["count"], series_columns=["country"], post_processing=[
            {"operation": "pivot", "options": {"index": ["ordered"], "columns": ["country"],
             "aggregates": {"count": {"operator": "mean"}}, "drop_missing_columns": False}},
            {"operation": "contribution", "options": {"orientation": "row"}}, {"operation": "flatten"}])),
    "rolling mean, resampled": ("orders", _over_time(
        "P1D", metrics=[_sum("amount")], post_processing=[
            {"operation": "pivot", "options": {"index": ["ordered"], "columns": [],
             "aggregates": {"SUM(amount)": {"operator": "mean"}}}},
            {"operation": "resample", "options": {"method": "asfreq", "rule": "1D", "fill_value": 0}},
            {"operation": "rolling", "options": {"rolling_type": "mean", "window": 7, "min_periods": 0,
             "columns": {"SUM(amount)": "SUM(amount)"}}}, {"operation": "flatten"}])),
    "compared with a year before": ("orders", _over_time(
        "P1M", metrics=[_sum("amount")], time_offsets=["1 year ago"],
        filters=[_where("ordered", "TEMPORAL_RANGE", "2024-11-01 : 2025-06-01")])),
    "every aggregate": ("orders", {"columns": ["country"], "orderby": [["country", True]], "metrics": [
        *[_simple(a, "amount") for a in ("SUM", "AVG", "MIN", "MAX", "COUNT", "COUNT_DISTINCT")],
        *[_simple(a, "quantity") for a in ("SUM", "AVG", "MIN", "MAX")], _simple("MAX", "ordered"), _simple("MIN", "day"),
        _simple("COUNT_DISTINCT", "stage")]}),
    "ad hoc metrics": ("orders", {"columns": ["stage"], "orderby": [["stage", True]], "metrics": [
        _sql("sum(amount) / nullif(count(DISTINCT country), 0)", "a share"), _sql("count(*) FILTER (WHERE gift)", "gifts"),
        _sql("percentile_cont(0.5) WITHIN GROUP (ORDER BY amount)", "median"),
        _sql("percentile_disc(array[0.1, 0.9]) WITHIN GROUP (ORDER BY quantity)", "deciles"),
        _sql("mode() WITHIN GROUP (ORDER BY country)", "often"), _sql("stddev_pop(weight)::numeric(10,4)", "spread"),
        _sql("round(corr(amount, weight)::numeric, 6)", "correlated"), _sql("string_agg(DISTINCT country, ', ' ORDER BY country)", "countries"),
        _sql("bool_or(gift)", "any gift"), _sql("sum(CASE WHEN stage = 'paid' THEN amount ELSE 0 END)", "paid")]}),
    "filters of SQL": ("orders", {"columns": ["country"], "metrics": ["count", _sum("amount")], "orderby": TOP, "extras": {
        "where": "amount > 10 AND extract(dow FROM ordered) IN (1, 2, 3)", "having": "count(*) > 5 AND sum(amount) > 100"}}),
    "dimensions of SQL": ("orders", {"metrics": ["count"], "row_limit": 100, "orderby": [["count", False]], "columns": [
        {"label": "size", "sqlExpression": "CASE WHEN amount < 20 THEN 'small' WHEN amount < 60 THEN 'middle' ELSE 'big' END",
         "expressionType": "SQL"}, {"label": "weekday", "sqlExpression": "to_char(ordered, 'Dy')", "expressionType": "SQL"}]}),
    "histogram": ("orders", {"columns": ["amount"], "metrics": [], "row_limit": 500, "orderby": [["amount", True]], "post_processing": [
        {"operation": "histogram", "options": {"column": "amount", "groupby": [], "bins": 8, "cumulative": False, "normalize": False}}]}),
    "histogram of each group": ("orders", {"columns": ["weight", "country"], "metrics": [], "orderby": [["weight", True]], "post_processing": [
        {"operation": "histogram", "options": {"column": "weight", "groupby": ["country"], "bins": 5}}]}),
    "box plot": ("orders", {"columns": ["country", "stage"], "metrics": [_sum("amount")], "orderby": TOP, "post_processing": [
        {"operation": "boxplot", "options": {"whisker_type": "tukey", "groupby": ["stage"], "metrics": ["SUM(amount)"]}}]}),
    "pivot table": ("orders", {"columns": ["country", "stage", "gift"], "metrics": [_sum("amount"), "count"], "orderby": TOP, "row_limit": 500}),
    "row count": ("orders", {"columns": ["country", "stage"], "metrics": ["count"], "is_rowcount": True}),
    "big number": ("orders", {"columns": [], "metrics": [_sum("amount", "all of it")]}),
    "raw rows": ("orders", {"columns": ["id", "country", "amount", "weight", "gift", "stage", "ordered", "delivered", "day", "at", "wait", "customer"],
        "metrics": [], "orderby": [["id", False]], "row_limit": 25, "row_offset": 5}),
    "distinct values": ("orders", {"columns": ["country", "gift"], "metrics": [], "groupby": [], "orderby": [["country", True], ["gift", True]], "is_timeseries": False}),
    "a vector shown": ("products", {"columns": ["id", "embedding", "tags", "meta"], "metrics": [], "orderby": [["id", True]]}),
    "a vector counted": ("products", {"columns": ["embedding"], "metrics": ["count"], "orderby": [["count", False], ["embedding", True]]}),
    "nearest": ("near", {"columns": ["name"], "metrics": [_simple("MIN", "distance"), _simple("MAX", "far")],
        "orderby": [[_simple("MIN", "distance"), True]], "row_limit": 4}),
    "of a view": ("sold", {"columns": ["name", "country"], "metrics": [_sum("amount")], "orderby": TOP, "row_limit": 20}),
    "of a materialized view": ("by_country", {"columns": ["country", "orders", "amount"], "metrics": [], "orderby": [["amount", False]]}),
    "of partitions": ("visits", _over_time("P1D", "at", columns=[_per("P1D", "at"), "page"], metrics=["count", _sum("seconds")],
        series_columns=["page"], series_limit=2, series_limit_metric="count",
        filters=[_where("at", "TEMPORAL_RANGE", "2023-12-25 : 2024-01-10")])),
    "of a statement": ("paid", _over_time("P1M", columns=[_per("P1M"), "name"], metrics=[_sum("amount")], orderby=TOP)),
    "of a WITH": ("ranked", {"columns": ["country", "place"], "metrics": [_sum("total")], "orderby": [["place", True]]}),
    "of odd names": ("Odd Names", {"columns": ["Group", 'or:der', "100%", 'a"b', "Zeit"], "metrics": ["count", _sum("100%")], "orderby": [["Group", True]]}),
    "an unknown column": ("orders", {"columns": [{"label": "x", "sqlExpression": "nothing", "expressionType": "SQL"}], "metrics": ["count"]}),
}  # fmt: skip
