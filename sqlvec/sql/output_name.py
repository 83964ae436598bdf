"""The name of an output column that has none of its own (FigureColname in parse_target.c)."""

from __future__ import annotations

from sqlvec.sql.parse import Node

_PLAIN = {
    "CaseExpr": "case", "CoalesceExpr": "coalesce", "A_ArrayExpr": "array", "RowExpr": "row",
    "GroupingFunc": "grouping",
}  # fmt: skip


def output_name(node: Node) -> str:
    """What PostgreSQL calls the column."""
    return _figure(node) or "?column?"


def _figure(node: Node) -> str:
    kind, body = next(iter(node.items()))
    if kind == "ColumnRef":
        names = [field["String"]["sval"] for field in body["fields"] if "String" in field]
        return str(names[-1]) if names else ""
    if kind == "FuncCall":
        return str(body["funcname"][-1]["String"]["sval"])
    if kind == "TypeCast":
        return _strong(body["arg"]) or str(body["typeName"]["names"][-1]["String"]["sval"])
    if kind == "CaseExpr":
        otherwise = _strong(body["defresult"]) if "defresult" in body else ""
        return otherwise or "case"
    if kind == "A_Expr":
        return "nullif" if body["kind"] == "AEXPR_NULLIF" else ""
    if kind == "MinMaxExpr":
        return "greatest" if body["op"] == "IS_GREATEST" else "least"
    if kind == "SQLValueFunction":
        return str(body["op"].removeprefix("SVFOP_").removesuffix("_N").lower())
    if kind == "SubLink":
        return _sublink(body)
    if kind == "A_Indirection":
        fields = [step["String"]["sval"] for step in body["indirection"] if "String" in step]
        return str(fields[-1]) if fields else _figure(body["arg"])
    if kind == "CollateClause":
        return _figure(body["arg"])
    return _PLAIN.get(kind, "")


def _strong(node: Node) -> str:
    """The name within a cast or CASE that counts more than theirs; those of inner ones do not."""
    kind, body = next(iter(node.items()))
    if kind == "TypeCast":
        return _strong(body["arg"])
    if kind == "CaseExpr":
        return _strong(body["defresult"]) if "defresult" in body else ""
    return _figure(node)


def _sublink(body: Node) -> str:
    kind = body["subLinkType"]
    if kind == "EXISTS_SUBLINK":
        return "exists"
    if kind == "ARRAY_SUBLINK":
        return "array"
    if kind == "EXPR_SUBLINK":
        query = body["subselect"]["SelectStmt"]
        while "larg" in query:
            query = query["larg"]
        targets = query.get("targetList")
        if targets:
            target = targets[0]["ResTarget"]
            return str(target.get("name") or _figure(target["val"]))
    return ""


