"""pg_ts_config, pg_ts_config_map, pg_ts_dict, pg_ts_parser, pg_ts_template: text search as it is built in.

A configuration maps the kinds of token that the parser finds to dictionaries; fulltext.config works by the same
rules. Oids are those that initdb gives them in PostgreSQL 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlvec.catalog.objects import CATALOG_SCHEMA_OID, Catalog
from sqlvec.catalog.system.environment import Environment
from sqlvec.catalog.viewpoint import SUPERUSER_OID
from sqlvec.types.regconfig import CONFIGS, DICTIONARIES, ENGLISH_FOR_ASCII, WITH_STOP_WORDS

Row = dict[str, Any]
PARSER, SIMPLE_TEMPLATE, SNOWBALL_TEMPLATE = 3722, 3727, 12_347
_ROUTINES = {
    "prsstart": 3717, "prstoken": 3718, "prsend": 3719, "prsheadline": 3720, "prslextype": 3721,
}  # fmt: skip
_SIMPLE_ROUTINES = {"tmplinit": 3725, "tmpllexize": 3726}
ROUTINES = frozenset([*_ROUTINES.values(), *_SIMPLE_ROUTINES.values()])
_WORDS, _ASCII_WORDS = (2, 10, 17), (1, 11, 16)  # kinds of token, by their number
_OTHERS = (3, 4, 5, 6, 7, 8, 9, 15, 18, 19, 20, 21, 22)


def comments() -> Iterator[tuple[str, int, str]]:
    """Table, oid and description of each."""
    yield "pg_ts_parser", PARSER, "default word parser"
    yield "pg_ts_template", SIMPLE_TEMPLATE, "simple dictionary: just lower case and check for stopword"
    yield "pg_ts_template", SNOWBALL_TEMPLATE, "snowball stemmer"
    for name, oid in CONFIGS.items():
        simple = name == "simple"
        yield "pg_ts_config", oid, "simple configuration" if simple else f"configuration for {name} language"
    for name, oid in DICTIONARIES.items():
        language = name.removesuffix("_stem")
        what = "simple dictionary: just lower case and check for stopword"
        yield "pg_ts_dict", oid, what if name == "simple" else f"snowball stemmer for {language} language"


def _configs(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name, oid in CONFIGS.items():
        yield {"oid": oid, "cfgname": name, "cfgnamespace": CATALOG_SCHEMA_OID, "cfgowner": SUPERUSER_OID,
               "cfgparser": PARSER}  # fmt: skip


def _maps(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    simple = DICTIONARIES["simple"]
    for name, oid in CONFIGS.items():
        words = DICTIONARIES.get(f"{name}_stem", simple)
        ascii_words = DICTIONARIES["english_stem"] if name in ENGLISH_FOR_ASCII else words
        kinds = (_WORDS, words), (_ASCII_WORDS, ascii_words), (_OTHERS, simple)
        for kind, dictionary in sorted((kind, found) for some, found in kinds for kind in some):
            yield {"mapcfg": oid, "maptokentype": kind, "mapseqno": 1, "mapdict": dictionary}


def _dictionaries(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    for name, oid in DICTIONARIES.items():
        language = name.removesuffix("_stem")
        option = None if name == "simple" else f"language = '{language}'"
        if language in WITH_STOP_WORDS:
            option = f"{option}, stopwords = '{language}'"
        template = SIMPLE_TEMPLATE if name == "simple" else SNOWBALL_TEMPLATE
        yield {"oid": oid, "dictname": name, "dictnamespace": CATALOG_SCHEMA_OID, "dictowner": SUPERUSER_OID,
               "dicttemplate": template, "dictinitoption": option}  # fmt: skip


def _parsers(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    yield {"oid": PARSER, "prsname": "default", "prsnamespace": CATALOG_SCHEMA_OID} | _ROUTINES


def _templates(catalog: Catalog, environment: Environment) -> Iterator[Row]:
    simple = {"oid": SIMPLE_TEMPLATE, "tmplname": "simple", "tmplnamespace": CATALOG_SCHEMA_OID}
    yield simple | _SIMPLE_ROUTINES
    yield {"oid": SNOWBALL_TEMPLATE, "tmplname": "snowball", "tmplnamespace": CATALOG_SCHEMA_OID}


BUILTIN = {
    "pg_ts_config": _configs,
    "pg_ts_config_map": _maps,
    "pg_ts_dict": _dictionaries,
    "pg_ts_parser": _parsers,
    "pg_ts_template": _templates,
}
