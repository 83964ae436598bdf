"""Time zones: abbreviations, names of the IANA database in any case, POSIX forms such as UTC+2.

Offsets are seconds east of UTC. Source: the abbreviation set "Default" of PostgreSQL (those that moved with
the years have their latest meaning) and DetermineTimeZoneOffset in datetime.c.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from sqlvec.types.calendar import DAY_US, SECOND_US, year_month_day

_ABBREVIATIONS = {
    -39600: "nut", -36000: "ckt hst taht", -34200: "mart", -32400: "akst gamt", -28800: "akdt pst",
    -25200: "mst pdt", -21600: "cst galt mdt", -18000: "act cdt cot easst east est pet",
    -14400: "amt ast bot edt gyt vet", -12600: "nft nst",
    -10800: "adt arst art bra brt clst clt fkst fkt gft pmst pyst pyt uyt wgt", -9000: "ndt",
    -7200: "brst fnt pmdt uyst wgst", -3600: "azot egt fnst",
    0: "azost egst gmt uct ut utc wet z zulu", 3600: "bst cet met mez wat wetdst",
    7200: "bdst cest cetdst eet ist mest mesz metdst sast",
    10800: "eat eest eetdst fet idt msk volt", 12600: "irt",
    14400: "amst azst azt gest get msd mut ret sct", 16200: "aft",
    18000: "mawt must mvt pkt tft tjt tmt uzt yekt", 19800: "lkt", 20700: "npt",
    21600: "almt bdt btt iot kgst kgt omsst omst pkst uzst xjt yekst", 23400: "mmt",
    25200: "almst cxt davt ict krast krat novst novt wast",
    28800: "awst bnt bort cct hkt irkst irkt myt pht sgt ulat wadt", 31500: "acwst",
    32400: "awsst jayt jst kst pwt ulast wdt yakst yakt", 34200: "acst cast",
    36000: "aest chut ddut kdt ligt mpt pgt trut vlast vlat yapt",
    37800: "acdt acsst cadt lhst sadt", 39600: "aedt aesst kost lhdt magst magt pont vut",
    43200: "anast anat fjt gilt mht nzst nzt petst pett tvt wakt wft", 45900: "chast",
    46800: "fjst nzdt tkt tot", 49500: "chadt", 50400: "lint",
}  # fmt: skip
ABBREVIATIONS = {name: seconds for seconds, names in _ABBREVIATIONS.items() for name in names.split()}
_POSIX = re.compile(r"[a-z]{3,}([+-]?)(\d{1,2})(?::(\d\d))?(?::(\d\d))?\Z", re.IGNORECASE)
_CYCLE_YEARS = 400


@lru_cache(maxsize=256)
def zone_named(name: str) -> tzinfo | None:
    """The zone of that name in any case; None when there is none."""
    if name.upper() in ("UTC", "GMT", "Z", "ZULU", "UCT"):
        return UTC
    exact = _zones().get(name.lower())
    if exact is not None:
        return ZoneInfo(exact)
    match = _POSIX.match(name)
    if match is None or int(match[2]) > 24:
        return None
    # POSIX counts hours west of Greenwich.
    west = int(match[2]) * 3600 + int(match[3] or 0) * 60 + int(match[4] or 0)
    return timezone(timedelta(seconds=west if match[1] == "-" else -west))


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {name.lower(): name for name in available_timezones()}


def local_offset(zone: tzinfo, local_us: int) -> int:
    """Seconds east of UTC at a local time (microseconds since 1970-01-01 00:00 there).

    A time that a change of clocks skips is read as before the change, one that it repeats as after it."""
    local = _near(local_us)
    first = zone.utcoffset(local) or timedelta()
    second = zone.utcoffset(local.replace(fold=1)) or timedelta()
    return int(min(first, second).total_seconds())


def utc_offset(zone: tzinfo, utc_us: int) -> int:
    """Seconds east of UTC in the zone at a moment."""
    offset = _near(utc_us).replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()
    return int(offset.total_seconds())


def _near(microseconds: int) -> datetime:
    """The same time of the same day, in a year that datetime has, 400-year cycles away."""
    days, rest = divmod(microseconds, DAY_US)
    year, month, day = year_month_day(days)
    if not 2 <= year <= 9998:
        year = year % _CYCLE_YEARS + (1200 if year < 2 else 9200)
    seconds, fraction = divmod(rest, SECOND_US)
    start = datetime(year, month, day)
    return start + timedelta(seconds=seconds, microseconds=fraction)
