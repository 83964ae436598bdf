"""Settings: those of PostgreSQL that clients touch, pgvector's, and ours.

A session's values follow its transactions: SET is undone by ROLLBACK, SET LOCAL ends with the transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sqlvec.encodings import UTF8, encoding_named
from sqlvec.errors import (
    CannotChangeParameter,
    FeatureNotSupported,
    InvalidName,
    InvalidParameterValue,
    UndefinedObject,
)

SERVER_VERSION = "15.8"
SERVER_VERSION_NUM = "150008"


@dataclass(frozen=True, slots=True)
class Setting:
    """kind: bool, int, real, string, enum. low and high bound numbers; reported ones are told to clients."""

    name: str
    kind: str
    default: str
    description: str
    low: float = -(2**31)
    high: float = 2**31 - 1
    values: tuple[str, ...] = ()
    unit: str = ""
    reported: bool = False
    fixed: bool = False
    special: str = ""  # a number outside the bounds that is taken too
    plans: bool = False  # statements are bound differently under another value


def _s(name: str, default: str, description: str, **fields: object) -> Setting:
    return Setting(name, "string", default, description, **fields)  # type: ignore[arg-type]


def _b(name: str, default: str, description: str, **fields: object) -> Setting:
    return Setting(name, "bool", default, description, **fields)  # type: ignore[arg-type]


def _i(
    name: str, default: str, low: int, high: int, description: str, unit: str = "", special: str = "",
    *, fixed: bool = False,
) -> Setting:
    return Setting(name, "int", default, description, low, high, unit=unit, special=special, fixed=fixed)


def _e(name: str, default: str, values: str, description: str, **fields: object) -> Setting:
    return Setting(name, "enum", default, description, values=tuple(values.split("|")), **fields)  # type: ignore[arg-type]


TEXT_SEARCH_CONFIGS = (
    "simple", "arabic", "armenian", "basque", "catalan", "danish", "dutch", "english", "finnish",
    "french", "german", "greek", "hindi", "hungarian", "indonesian", "irish", "italian", "lithuanian",
    "nepali", "norwegian", "portuguese", "romanian", "russian", "serbian", "spanish", "swedish", "tamil",
    "turkish", "yiddish",
)  # fmt: skip
_ISOLATION = "serializable|repeatable read|read committed|read uncommitted"
_LEVELS = "debug5|debug4|debug3|debug2|debug1|debug|log|notice|warning|error|info"
_HIDDEN = ("debug", "info")  # taken, but not among the values that a hint tells
SEVERITIES = ("DEBUG", "LOG", "NOTICE", "WARNING", "ERROR")  # least first
_INT_MAX = 2**31 - 1
DEFINITIONS = (
    _s("application_name", "", "Name of the application, shown in pg_stat_activity.", reported=True),
    _s("client_encoding", "UTF8", "Encoding of the client.", reported=True),
    _e("client_min_messages", "notice", _LEVELS, "Least severity of messages sent to the client."),
    _s("DateStyle", "ISO, MDY", "Display format of dates; only ISO.", reported=True),
    _s("TimeZone", "UTC", "Time zone for display and input of timestamps.", reported=True, plans=True),
    _e("IntervalStyle", "postgres", "postgres|postgres_verbose|sql_standard|iso_8601",
       "Display format of intervals; only postgres.", reported=True),
    _e("bytea_output", "hex", "hex|escape", "Output format of bytea; only hex."),
    _i("extra_float_digits", "1", -15, 3, "Without effect: numbers are shown as short as they can be."),
    _b("standard_conforming_strings", "on", "Backslashes in '...' are literal.", reported=True),
    _b("integer_datetimes", "on", "Timestamps are 64-bit integers.", reported=True, fixed=True),
    _s("server_encoding", "UTF8", "Encoding of the server.", reported=True, fixed=True),
    _s("server_version", SERVER_VERSION, "Version of PostgreSQL spoken.", reported=True, fixed=True),
    _s("server_version_num", SERVER_VERSION_NUM, "The version as a number.", fixed=True),
    _b("is_superuser", "on", "Whether the user is a superuser.", reported=True, fixed=True),
    _s("session_authorization", "postgres", "The session's user.", reported=True),
    _b("in_hot_standby", "off", "Whether the server is a standby.", reported=True, fixed=True),
    _b("default_transaction_read_only", "off", "New transactions may not write.", reported=True),
    _b("transaction_read_only", "off", "This transaction may not write."),
    _b("default_transaction_deferrable", "off", "New transactions are deferrable."),
    _b("transaction_deferrable", "off", "This transaction is deferrable."),
    _e("default_transaction_isolation", "read committed", _ISOLATION, "Isolation of new transactions."),
    _e("transaction_isolation", "read committed", _ISOLATION, "Isolation of this transaction."),
    _s("search_path", '"$user", public', "Schemas searched for unqualified names.", plans=True),
    _s("role", "none", "The current role."),
    _i("statement_timeout", "0", 0, _INT_MAX, "Time a statement may take, 0 for no limit.", "ms"),
    _i("deadlock_timeout", "1000", 1, _INT_MAX, "Without effect: deadlocks are found at once.", "ms"),
    _i("lock_timeout", "0", 0, _INT_MAX, "Time a lock may be waited for.", "ms"),
    _i("idle_in_transaction_session_timeout", "0", 0, _INT_MAX, "Idle time in a transaction.", "ms"),
    _i("idle_session_timeout", "0", 0, _INT_MAX, "Idle time outside a transaction.", "ms"),
    _e("synchronous_commit", "on", "on|off|local|remote_write|remote_apply", "Commits wait for the disk."),
    _b("row_security", "on", "Row security is applied."),
    _b("check_function_bodies", "on", "Function bodies are checked when created."),
    _s("default_tablespace", "", "Tablespace of new objects."),
    _s("default_table_access_method", "heap", "Access method of new tables."),
    _e("xmloption", "content", "content|document", "XML is a document or content."),
    _b("jit", "off", "Just-in-time compilation of PostgreSQL; without effect."),
    _b("enable_indexscan", "on", "Without effect."),
    _b("enable_seqscan", "on", "Without effect."),
    _b("enable_bitmapscan", "on", "Without effect."),
    _b("enable_sort", "on", "Without effect."),
    _i("work_mem", "4096", 64, _INT_MAX, "Without effect.", "kB"),
    _i("temp_file_limit", "-1", 0, _INT_MAX, "What sorts, joins and groups may put on disk; -1 for most of "
       "what is free. Set at start.", "kB", special="-1", fixed=True),
    _i("maintenance_work_mem", "65536", 1024, _INT_MAX, "Without effect.", "kB"),
    _i("max_parallel_maintenance_workers", "2", 0, 1024, "Without effect."),
    _i("max_parallel_workers_per_gather", "2", 0, 1024, "Without effect."),
    _i("max_identifier_length", "63", 0, 63, "Longest name, in bytes."),
    _i("max_index_keys", "32", 32, 32, "Most columns of an index."),
    _i("max_connections", "1000", 1, 262143, "Most connections."),
    _b("ssl", "off", "Clients may use TLS. Set at start.", fixed=True),
    _s("ssl_cert_file", "", "File of the server's certificate. Set at start.", fixed=True),
    _s("ssl_key_file", "", "File of the certificate's private key. Set at start.", fixed=True),
    _s("ssl_min_protocol_version", "TLSv1.2", "Oldest version of TLS that is spoken.", fixed=True),
    _s("ssl_library", "OpenSSL", "What TLS is done by.", fixed=True),
    _e("plan_cache_mode", "auto", "auto|force_generic_plan|force_custom_plan", "Without effect."),
    _s("lc_collate", "C", "Order of text.", fixed=True),
    _s("lc_ctype", "C", "Classes of characters.", fixed=True),
    _s("lc_messages", "C", "Language of messages."),
    _s("lc_monetary", "C", "Format of money."),
    _s("lc_numeric", "C", "Format of numbers."),
    _s("lc_time", "C", "Format of dates."),
    _b("escape_string_warning", "on", "Without effect."),
    _b("quote_all_identifiers", "off", "Quote every name in definitions."),
    _b("synchronize_seqscans", "on", "Without effect."),
    _e("password_encryption", "scram-sha-256", "md5|scram-sha-256", "How passwords are kept."),
    _s("default_text_search_config", "pg_catalog.english", "Text search configuration of calls without one."),
    _i("hnsw.ef_search", "40", 1, 1000, "Size of the candidate list of an HNSW search; -1 goes by the limit.",
       special="-1"),
    _e("hnsw.iterative_scan", "off", "off|relaxed_order|strict_order",
       "Accepted and without effect: scans return min(k, matching) rows anyway."),
    _i("hnsw.max_scan_tuples", "20000", 1, _INT_MAX, "Accepted and without effect."),
    Setting("sqlvec.target_recall", "real", "0",
            "Share of the nearest rows that a search is to find, instead of hnsw.ef_search; 0 for none.", 0, 1),
    Setting("hnsw.scan_mem_multiplier", "real", "1", "Accepted and without effect.", 1, 1000),
    _i("ivfflat.probes", "1", 1, 32768, "Accepted and without effect: ivfflat is served by HNSW."),
    _e("ivfflat.iterative_scan", "off", "off|relaxed_order", "Accepted and without effect."),
    _i("ivfflat.max_probes", "32768", 1, 32768, "Accepted and without effect."),
    _s("sqlvec.tenant", "", "The tenant whose rows the session sees and writes; empty for all.", plans=True),
    _s("sqlvec.blob_directory", "", "Where offloaded tenants go; empty for the data directory. Set at start.",
       fixed=True),
    _i("sqlvec.shard_idle_seconds", "300", 0, _INT_MAX,
       "A tenant that was not used for so long holds no memory and no file. Set at start.", fixed=True),
    _i("sqlvec.open_shards_max", "1000", 1, _INT_MAX,
       "Of more tenants, those used longest ago hold no memory and no file. Set at start.", fixed=True),
    _i("sqlvec.memory_limit", "4194304", 16384, _INT_MAX,
       "Memory that sorts, joins and groups of one database may take before they go to disk, or fail. Set at "
       "start.", "kB", fixed=True),
    _i("sqlvec.index_memory_limit", "0", 0, _INT_MAX,
       "Memory that vector indexes without a quantization of their own may take with int8 codes and links; the "
       "largest get bit codes beyond it. 0 for none. Set at start.", "kB", fixed=True),
    _e("sqlvec.segment_io", "mmap", "mmap|pread", "How files of rows are read. Set at start.", fixed=True),
    _i("sqlvec.memtable_stall", "262144", 1, _INT_MAX,
       "Who writes to a table waits while more of its rows wait to be flushed. Set at start.", "kB", fixed=True),
    _i("sqlvec.flat_to_hnsw_rows", "4000", 0, _INT_MAX,
       "A tenant with so many rows gets a graph, a smaller one is scanned exactly. Set at start.", fixed=True),
    _i("sqlvec.segments_stall", "500", 1, _INT_MAX,
       "Who writes to a table waits while more segments of it wait to be merged. Set at start.", fixed=True),
    _i("sqlvec.unlinked_rows_stall", "4000000", 1, _INT_MAX,
       "Who writes to a table waits while more rows of it wait to be linked. Set at start.", fixed=True),
    _b("sqlvec.enable_fusion_rewrite", "on", "Run a fusion written by hand (ranked lists in WITH) as a fusion scan."),
    _s("sqlvec.as_of", "", "The time as of which the session reads, a timestamp or an interval from now; empty for now."),
    Setting("sqlvec.retention", "int", "0", "How long rows are kept for reading as of a time; set by --retention.",
            0, 2**53, unit="ms", fixed=True),
    _i("sqlvec.autocut", "0", 0, 1000, "Stop fused results after so many jumps in score; 0 for never."),
)  # fmt: skip
_BY_NAME = {setting.name.lower(): setting for setting in DEFINITIONS}
_PREFIXES = ("hnsw", "ivfflat", "sqlvec")
_HOURS = re.compile(r"[+-]?\d{1,2}\Z", re.ASCII)  # east of Greenwich, as a time zone
_ALIASES = {"time zone": "timezone", "transaction isolation level": "transaction_isolation",
            "session authorization": "session_authorization"}  # fmt: skip
_IDLE_TIMEOUTS = ("idle_in_transaction_session_timeout", "idle_session_timeout")
_TRUE, _FALSE = ("on", "true", "yes", "1", "t", "y"), ("off", "false", "no", "0", "f", "n")
_UNITS = {"us": 0.001, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_SIZES = {"b": 1 / 1024, "kb": 1, "mb": 1024, "gb": 1024**2, "tb": 1024**3}
_VALID_UNITS = {
    "ms": 'Valid units for this parameter are "us", "ms", "s", "min", "h", and "d".',
    "kB": 'Valid units for this parameter are "B", "kB", "MB", "GB", and "TB".',
}
_UNIT_NAMES = {"kb": "kB", "mb": "MB", "gb": "GB", "tb": "TB"}
_NUMBER = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*\Z")


@dataclass(frozen=True, slots=True)
class Characteristics:
    """What SET TRANSACTION sets."""

    isolation: str = "read committed"
    read_only: bool = False
    deferrable: bool = False

    def show(self, key: str) -> str:
        if key == "transaction_isolation":
            return self.isolation
        return "on" if getattr(self, key.removeprefix("transaction_")) else "off"


TRANSACTION_SETTINGS = ("transaction_isolation", "transaction_read_only", "transaction_deferrable")


def check(setting: Setting, value: str) -> str:
    """The value as it is kept; 22023 for what the setting does not take."""
    if setting.kind == "bool":
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return "on" if word in _TRUE else "off"
        raise InvalidParameterValue(f'parameter "{setting.name}" requires a Boolean value')
    if setting.kind == "enum":
        word = value.strip().strip("'").lower()
        if word not in setting.values:
            raise InvalidParameterValue(
                f'invalid value for parameter "{setting.name}": "{value}"',
                hint=f"Available values: {', '.join(v for v in setting.values if v not in _HIDDEN)}.",
            )
        if setting.name == "IntervalStyle" and word != "postgres":
            raise FeatureNotSupported(f'IntervalStyle "{word}" is not supported')
        if setting.name == "bytea_output" and word != "hex":
            raise FeatureNotSupported(f'bytea_output "{word}" is not supported')
        return word
    if setting.kind in ("int", "real"):
        return _number(setting, value)
    return _special(setting, value)


def _number(setting: Setting, value: str) -> str:
    match = _NUMBER.match(value)
    factor = 1.0
    if match is not None and match[2]:
        units = _UNITS if setting.unit == "ms" else _SIZES if setting.unit == "kB" else {}
        factor = units.get(match[2].lower(), 0)
    if match is None or not factor:
        hint = None if match is None or not setting.unit else _VALID_UNITS[setting.unit]
        raise InvalidParameterValue(
            f'invalid value for parameter "{setting.name}": "{value}"', hint=hint
        )
    number = float(match[1]) * factor
    if not setting.low <= number <= setting.high and f"{number:g}" != setting.special:
        unit = f" {setting.unit}" if setting.unit else ""
        shown = f"{number:g}" if setting.kind == "real" else str(round(number))
        raise InvalidParameterValue(
            f'{shown}{unit} is outside the valid range for parameter "{setting.name}" '
            f"({setting.low:.0f} .. {setting.high:.0f})"
        )
    return f"{number:g}" if setting.kind == "real" else str(round(number))


def _shown(setting: Setting, value: str) -> str:
    """Numbers with a unit are shown in the largest that divides them, as PostgreSQL does."""
    if not setting.unit or value in ("0", "-1"):
        return value
    units = _UNITS if setting.unit == "ms" else _SIZES
    number = int(value)
    unit = next(unit for unit, factor in reversed(units.items()) if number % factor == 0)
    return f"{number // int(units[unit])}{_UNIT_NAMES.get(unit, unit)}"


_DATE_STYLES = frozenset(
    "ISO SQL POSTGRES GERMAN DEFAULT MDY DMY YMD US EURO NONEURO EUROPEAN NONEUROPEAN".split()
)


def _special(setting: Setting, value: str) -> str:
    if setting.name == "client_encoding":
        return _client_encoding(value)
    if setting.name == "DateStyle":
        words = [word.strip().upper() for word in value.split(",")]
        if not set(words) <= _DATE_STYLES:
            raise InvalidParameterValue(
                f'invalid value for parameter "DateStyle": "{value}"'
            )
        if set(words) & {"SQL", "POSTGRES", "GERMAN"}:
            raise FeatureNotSupported(f'DateStyle "{value}" is not supported', hint="Dates are shown as ISO.")
        order = next((w for w in words if w in ("MDY", "DMY", "YMD")), "MDY")
        return f"ISO, {order}"
    if setting.name == "default_text_search_config":
        if value.removeprefix("pg_catalog.") not in TEXT_SEARCH_CONFIGS:
            raise InvalidParameterValue(f'invalid value for parameter "{setting.name}": "{value}"')
        return value
    if setting.name == "role" and value not in ("none", "postgres"):
        raise InvalidParameterValue(f'role "{value}" does not exist')
    if setting.name == "TimeZone":
        from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

        name = {"utc": "UTC", "gmt": "GMT", "default": "UTC"}.get(value.lower(), value)
        if _HOURS.match(value):
            hours = int(value)
            name = f"Etc/GMT{-hours:+d}" if hours else "UTC"  # POSIX counts hours west of Greenwich
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise InvalidParameterValue(
                f'invalid value for parameter "TimeZone": "{value}"'
            ) from None
        return name
    return value


def _client_encoding(value: str) -> str:
    """The encoding's own name, though UNICODE stays as it is (some clients look for it)."""
    encoding = encoding_named(value)
    message = f'invalid value for parameter "client_encoding": "{value}"'
    if encoding is None:
        raise InvalidParameterValue(message)
    if not encoding.codec:
        detail = f"Conversion between {encoding.name} and UTF8 is not supported."
        raise FeatureNotSupported(message, detail=detail)
    return value if value == "UNICODE" else encoding.name


def names_of_path(text: str, user: str) -> tuple[str, ...]:
    """The schemas of a search path."""
    words = [word.strip() for word in text.split(",")]
    names = [word.strip('"') if word.startswith('"') else word.lower() for word in words]
    return tuple(user if name == "$user" else name for name in names if name)


class SessionSettings:
    """The settings of one session."""

    def __init__(self) -> None:
        self._values: dict[str, str] = {}
        self._custom: dict[str, str] = {}
        self._start: dict[str, str] = {}
        self._saved: dict[str, str] | None = None
        self.characteristics = Characteristics()  # of the open transaction
        self.default_characteristics = self.characteristics
        self._local: dict[str, str | None] = {}
        self._savepoints: list[tuple[str, dict[str, str]]] = []
        self._changes: dict[str, str] = {}
        self._told: dict[str, str] = {}  # what the client knows of reported settings
        self.plan_version: object = ""
        self._temporary_schema = ""
        self.idle_timeouts = False  # whether any is set
        self.as_of = ""
        self.zone = ""  # the time zone where it is not UTC
        self.encoding = UTF8  # of the client
        self.encoding_changed: Callable[[], None] = lambda: None

    # ---------------------------------------------------------------- reading

    def show(self, name: str) -> str:
        """The value as text; 42704 for an unknown name."""
        key = _key(name)
        setting = _BY_NAME.get(key)
        if key in TRANSACTION_SETTINGS:
            open_ = self._saved is not None
            return (self.characteristics if open_ else self.default_characteristics).show(key)
        if setting is not None:
            return _shown(setting, self._values.get(key, setting.default))
        if key in self._custom:
            return self._custom[key]
        raise UndefinedObject(f'unrecognized configuration parameter "{name}"')

    def get(self, name: str) -> object:
        """The value of a known setting: int or float for numbers, bool for switches, else text."""
        setting = _BY_NAME[name.lower()]
        value = self._values.get(name.lower(), setting.default)
        if setting.kind == "int":
            return int(value)
        if setting.kind == "real":
            return float(value)
        return value == "on" if setting.kind == "bool" else value

    def milliseconds(self, name: str) -> int:
        """The value of a time limit."""
        value = self.get(name)
        assert isinstance(value, int)
        return value

    def checked(self, name: str, value: str | None) -> str:
        """What a value comes to, or the default; 22023 for one that the setting does not take."""
        setting = _BY_NAME[_key(name)]
        return setting.default if value is None else check(setting, value)

    def show_all(self) -> list[tuple[str, str, str]]:
        """(name, value, description) of every setting."""
        ordered = sorted(DEFINITIONS, key=lambda s: s.name.lower())
        return [(s.name, self.show(s.name), s.description) for s in ordered]

    def described(self) -> list[tuple[Setting, str, str]]:
        """Every setting with its value and the one that RESET gives, in its unit, for pg_settings."""
        found = []
        for setting in sorted(DEFINITIONS, key=lambda s: s.name.lower()):
            key = _key(setting.name)
            reset = self._start.get(key, setting.default)
            of_transaction = key in TRANSACTION_SETTINGS
            value = self.show(key) if of_transaction else self._values.get(key, setting.default)
            found.append((setting, value, reset))
        return found

    def search_path(self, user: str) -> tuple[str, ...]:
        return names_of_path(self.show("search_path"), user)

    # ---------------------------------------------------------------- writing

    def set_startup(self, name: str, value: str) -> None:
        """A value of the startup packet; what RESET goes back to."""
        self.set(name, value)
        key = _key(name)
        if key in self._values:
            self._start[key] = self._values[key]
        self._changes.clear()

    def provide(self, name: str, value: str) -> None:
        """The server's value of a setting that no session can change."""
        self._values[_key(name)] = self._start[_key(name)] = value

    def set(self, name: str, value: str, *, local: bool = False) -> None:
        """Takes effect at once; see the class for how long."""
        key = _key(name)
        setting = _BY_NAME.get(key)
        if setting is None:
            self._set_custom(key, name, value)
            return
        if setting.fixed:
            raise CannotChangeParameter(f'parameter "{setting.name}" cannot be changed')
        checked = check(setting, value)
        if local and key not in self._local:
            self._local[key] = self._values.get(key)
        elif not local:
            self._local.pop(key, None)
        self._store(key, checked)

    def _set_custom(self, key: str, name: str, value: str) -> None:
        prefix = key.partition(".")[0]
        if "." not in key:
            raise UndefinedObject(f'unrecognized configuration parameter "{name}"')
        if prefix in _PREFIXES:
            raise InvalidName(
                f'invalid configuration parameter name "{name}"',
                detail=f'"{prefix}" is a reserved prefix.',
            )
        self._custom[key] = value

    def _store(self, key: str, value: str | None) -> None:
        setting = _BY_NAME[key]
        before = self.show(key)
        if value is None:
            self._values.pop(key, None)
        else:
            self._values[key] = value
        if key == "timezone":
            shown = self.show(key)
            self.zone = "" if shown.upper() in ("UTC", "GMT", "ETC/UTC") else shown
        if key == "client_encoding":
            self._set_encoding(self.show(key))
        if setting.plans:
            self._renew_plan_version()
        if key.startswith("default_transaction"):
            self.default_characteristics = Characteristics(
                str(self.get("default_transaction_isolation")),
                bool(self.get("default_transaction_read_only")),
                bool(self.get("default_transaction_deferrable")),
            )
        if key == "sqlvec.as_of":
            self.as_of = self.show(key)
        if key in _IDLE_TIMEOUTS:
            self.idle_timeouts = any(self.get(name) for name in _IDLE_TIMEOUTS)
        if setting.reported and self.show(key) != before:
            self._changes[setting.name] = self.show(key)

    def searches_first(self, schema: str) -> None:
        """The session has a schema of temporary objects, so names mean something else in it."""
        if self._temporary_schema != schema:
            self._temporary_schema = schema
            self._renew_plan_version()

    def _renew_plan_version(self) -> None:
        tenant = bool(self.get("sqlvec.tenant"))
        self.plan_version = self.show("search_path"), tenant, self.zone, self._temporary_schema

    def _set_encoding(self, name: str) -> None:
        encoding = encoding_named(name)
        assert encoding is not None, name
        if encoding is not self.encoding:
            self.encoding = encoding
            self.encoding_changed()

    def reset(self, name: str) -> None:
        """Back to the session's start; "all" resets everything."""
        if name.lower() == "all":
            for key in list(self._values):
                if key not in ("transaction_isolation", "transaction_read_only"):
                    self._store(key, self._start.get(key))
            self._custom.clear()
            return
        key = _key(name)
        if key not in _BY_NAME:
            self.show(name)
            self._custom.pop(key, None)
            return
        if _BY_NAME[key].fixed:
            raise CannotChangeParameter(f'parameter "{_BY_NAME[key].name}" cannot be changed')
        self._store(key, self._start.get(key))

    def take_changes(self) -> list[tuple[str, str]]:
        """Reported settings that are other than the client knows; it knows them then."""
        if not self._changes:
            return []
        changes, self._changes = self._changes, {}
        news = [(name, value) for name, value in changes.items() if self._told.get(name) != value]
        self._told.update(news)
        return news

    def reported(self) -> list[tuple[str, str]]:
        """What every client is told when it connects."""
        self._told = {s.name: self.show(s.name) for s in DEFINITIONS if s.reported}
        return list(self._told.items())

    def sends(self, severity: str) -> bool:
        """Whether messages of the severity go to the client; INFO always does."""
        least = str(self.get("client_min_messages")).rstrip("12345").upper()
        if severity == "INFO" or least == "INFO":
            return severity != "LOG"
        return SEVERITIES.index(severity) >= SEVERITIES.index(least)

    # ---------------------------------------------------------------- transactions

    def begin(self) -> None:
        self._saved = dict(self._values)
        self.characteristics = self.default_characteristics
        self._local.clear()
        self._savepoints.clear()

    def commit(self) -> None:
        if self._local:
            for key, value in list(self._local.items()):
                self._store(key, value)
        self._end()

    def rollback(self) -> None:
        if self._saved is not None:
            self._restore(self._saved)
        self._end()

    def _end(self) -> None:
        self._saved = None
        self._local.clear()
        self._savepoints.clear()

    def mark(self) -> dict[str, str]:
        """For back_to."""
        return dict(self._values)

    def back_to(self, mark: dict[str, str]) -> None:
        self._restore(mark)

    def savepoint(self, name: str) -> None:
        self._savepoints.append((name, dict(self._values)))

    def rollback_to(self, name: str) -> None:
        for index in range(len(self._savepoints) - 1, -1, -1):
            if self._savepoints[index][0] == name:
                self._restore(self._savepoints[index][1])
                del self._savepoints[index + 1 :]
                return

    def _restore(self, values: dict[str, str]) -> None:
        for key in {*self._values, *values}:
            if self._values.get(key) != values.get(key):
                self._store(key, values.get(key))


def _key(name: str) -> str:
    key = name.lower()
    return _ALIASES.get(key, key)


