"""WITH (...) of a table: how its tenants are created and activated; of a view: its check option. PostgreSQL's own
storage parameters are kept and shown, and have no meaning here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlvec.catalog.tenants import ACTIVATION, AUTO, CREATION, MANUAL
from sqlvec.errors import InvalidParameterValue
from sqlvec.sql.option_values import checked_integer, option_text
from sqlvec.sql.parse import Node
from sqlvec.sql.split import is_shards

_OURS = (ACTIVATION, CREATION)
_INTEGERS = {"fillfactor": (10, 100), "toast_tuple_target": (128, 8_160), "parallel_workers": (0, 1_024)}
_OTHERS = frozenset(
    [
        "user_catalog_table", "vacuum_index_cleanup", "vacuum_truncate", "log_autovacuum_min_duration",
        "autovacuum_enabled", "autovacuum_vacuum_threshold", "autovacuum_vacuum_scale_factor",
        "autovacuum_vacuum_insert_threshold", "autovacuum_vacuum_insert_scale_factor",
        "autovacuum_analyze_threshold", "autovacuum_analyze_scale_factor", "autovacuum_vacuum_cost_delay",
        "autovacuum_vacuum_cost_limit", "autovacuum_freeze_min_age", "autovacuum_freeze_max_age",
        "autovacuum_freeze_table_age", "autovacuum_multixact_freeze_min_age",
        "autovacuum_multixact_freeze_max_age", "autovacuum_multixact_freeze_table_age",
    ]
)  # fmt: skip


def changed_options(
    known: Mapping[str, str], definitions: Sequence[Node], *, has_tenants: bool
) -> dict[str, str]:
    """The options with those of SET (...) or WITH (...) among them."""
    options = dict(known)
    for node in definitions:
        definition = node["DefElem"]
        name = definition["defname"].lower()
        if definition.get("defnamespace") == "toast" or is_shards(node):
            continue  # there are no TOAST tables; shards are counted by the table itself
        if name not in _OURS:
            options[name] = _storage_parameter(name, option_text(definition.get("arg")))
            continue
        if not has_tenants:
            raise InvalidParameterValue(
                f'parameter "{name}" is for tables with PARTITION BY TENANT',
            )
        value = option_text(definition.get("arg"))
        if value not in (AUTO, MANUAL):
            raise InvalidParameterValue(
                f'invalid value for enum option "{name}": {value}',
                detail=f'Valid values are "{AUTO}" and "{MANUAL}".',
            )
        options[name] = value
    return options


def _storage_parameter(name: str, value: str) -> str:
    """One of PostgreSQL's (reloptions.c)."""
    if name in _OTHERS:
        return value
    if name not in _INTEGERS:
        raise InvalidParameterValue(f'unrecognized parameter "{name}"')
    checked_integer(name, value, *_INTEGERS[name])
    return value


def without_options(known: Mapping[str, str], definitions: Sequence[Node]) -> dict[str, str]:
    """The options without those of RESET (...)."""
    gone = {node["DefElem"]["defname"].lower() for node in definitions}
    return {name: value for name, value in known.items() if name not in gone}


def check_option(body: Node) -> str:
    """Of a CREATE VIEW: local, cascaded or none, from WITH CHECK OPTION or WITH (check_option = ...)."""
    option = str(body.get("withCheckOption", "NO_CHECK_OPTION"))
    if option != "NO_CHECK_OPTION":
        return option.removesuffix("_CHECK_OPTION").lower()
    found = ""
    for node in body.get("options", ()):
        if node["DefElem"]["defname"] == "check_option":
            found = option_text(node["DefElem"].get("arg"))
            if found not in ("local", "cascaded"):
                raise InvalidParameterValue(
                    f'invalid value for enum option "check_option": {found}',
                    detail='Valid values are "local" and "cascaded".',
                )
    return found
