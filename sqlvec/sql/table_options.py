"""WITH (...) of a table: how its tenants are created and activated; of a view: its check option. PostgreSQL's own
storage parameters are taken and have no meaning here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlvec.catalog.tenants import ACTIVATION, AUTO, CREATION, MANUAL
from sqlvec.errors import InvalidParameterValue
from sqlvec.sql.parse import Node

_OURS = (ACTIVATION, CREATION)


def changed_options(
    known: Mapping[str, str], definitions: Sequence[Node], *, has_tenants: bool
) -> dict[str, str]:
    """The options with those of SET (...) or WITH (...) among them."""
    options = dict(known)
    for node in definitions:
        definition = node["DefElem"]
        name = definition["defname"].lower()
        if name not in _OURS:
            continue
        if not has_tenants:
            raise InvalidParameterValue(
                f'parameter "{name}" is for tables with PARTITION BY TENANT',
            )
        value = _word(definition.get("arg"))
        if value not in (AUTO, MANUAL):
            raise InvalidParameterValue(
                f'invalid value for enum option "{name}": {value}',
                detail=f'Valid values are "{AUTO}" and "{MANUAL}".',
            )
        options[name] = value
    return options


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
            found = _word(node["DefElem"].get("arg"))
            if found not in ("local", "cascaded"):
                raise InvalidParameterValue(
                    f'invalid value for enum option "check_option": {found}',
                    detail='Valid values are "local" and "cascaded".',
                )
    return found


def _word(node: Node | None) -> str:
    """The value as text: bare words are type names to the parser."""
    if node is None:
        return "true"
    kind, part = next(iter(node.items()))
    if kind == "TypeName":
        return str(part["names"][-1]["String"]["sval"])
    return str(part.get("sval", part.get("ival", part.get("fval", part.get("boolval", "")))))
