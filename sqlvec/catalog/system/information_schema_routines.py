"""What the standard's views show of functions and procedures: those that users made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.catalog.objects import Catalog
from sqlvec.catalog.routine_text import default_text
from sqlvec.catalog.routines import Routine
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.system.information_schema_types import plain_type_row, yes_or_no
from sqlvec.types import SqlType

Row = dict[str, Any]
_MODES = {"i": "IN", "v": "IN", "o": "OUT", "t": "OUT", "b": "INOUT"}
_OF_TYPES = ("data_type", "udt_catalog", "udt_schema", "udt_name")


def _specific(catalog: Catalog, environment: Environment, routine: Routine) -> Row:
    return {
        "specific_catalog": environment.database, "specific_name": f"{routine.name}_{routine.oid}",
        "specific_schema": catalog.schemas[routine.schema_oid].name,
    }  # fmt: skip


def _type(catalog: Catalog, environment: Environment, sql_type: SqlType) -> Row:
    row = plain_type_row(catalog, environment.database, sql_type.bare)
    return {name: row[name] for name in _OF_TYPES}


def _routines(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for routine in catalog.routines.values():
        specific = _specific(catalog, environment, routine)
        row = {
            **specific, "routine_catalog": environment.database, "routine_name": routine.name,
            "routine_schema": specific["specific_schema"], "routine_body": "SQL",
            "routine_type": "FUNCTION" if routine.kind == "f" else "PROCEDURE",
            "routine_definition": "" if routine.standard else routine.body, "external_language": "SQL",
            "parameter_style": "GENERAL", "sql_data_access": "MODIFIES", "schema_level_routine": "YES",
            "is_deterministic": yes_or_no(routine.volatility == "i"), "max_dynamic_result_sets": 0,
            "security_type": "DEFINER" if routine.definer else "INVOKER", "as_locator": "NO",
            "is_udt_dependent": "NO",
        }  # fmt: skip
        if routine.kind == "f":
            types = _type(catalog, environment, routine.result)
            row |= {
                "data_type": types["data_type"], "type_udt_catalog": types["udt_catalog"],
                "type_udt_schema": types["udt_schema"], "type_udt_name": types["udt_name"],
                "dtd_identifier": "0", "is_null_call": yes_or_no(routine.strict),
            }  # fmt: skip
        yield row


def _parameters(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    view = environment.viewpoint(catalog)
    for routine in catalog.routines.values():
        for place, argument in enumerate(routine.arguments, 1):
            yield {
                **_specific(catalog, environment, routine), "ordinal_position": place,
                "parameter_mode": _MODES[argument.mode], "is_result": "NO", "as_locator": "NO",
                "parameter_name": argument.name or None, "dtd_identifier": str(place),
                **_type(catalog, environment, argument.type),
                "parameter_default": default_text(view, argument) if argument.default is not None else None,
            }  # fmt: skip


OURS = {"information_schema.routines": _routines, "information_schema.parameters": _parameters}
