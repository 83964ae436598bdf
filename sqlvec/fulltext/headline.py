"""ts_headline: the part of a text that shows why it matches, with the words found marked (wparser_def.c).

The text is taken as the sequence of its tokens, blanks too. A token that several operands ask for stands there
once for each, all but the first repeated: lengths are counted with them.
A cover is a stretch that satisfies the query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

from sqlvec.errors import InvalidParameterValue
from sqlvec.fulltext.config import Config
from sqlvec.fulltext.match import NO, YES, Matched, evaluate, place
from sqlvec.fulltext.parser import tokens
from sqlvec.fulltext.token_states import TOKEN_NAMES
from sqlvec.types import INT4
from sqlvec.types.tsquery import NOT, OR, PHRASE, Operand, TsQuery

_REPLACED = frozenset([TOKEN_NAMES.index("tag")])
_SKIPPED = frozenset(TOKEN_NAMES.index(n) for n in ("url", "numhword", "asciihword", "hword"))
_NO_WORDS = frozenset([TOKEN_NAMES.index("blank")]) | _REPLACED | _SKIPPED
_NO_ENDS = _NO_WORDS | frozenset(
    TOKEN_NAMES.index(n) for n in ("sfloat", "version", "float", "int", "uint", "protocol", "entity")
)


@dataclass(frozen=True, slots=True)
class Options:
    """The names are PostgreSQL's, without capitals and underscores."""

    max_words: int = 35
    min_words: int = 15
    short_word: int = 3
    max_fragments: int = 0
    highlight_all: bool = False
    start_sel: str = "<b>"
    stop_sel: str = "</b>"
    fragment_delimiter: str = " ... "


@dataclass(slots=True)
class _Word:
    kind: int
    text: str
    position: int
    operand: Operand | None = None
    repeated: bool = False
    shown: bool = False

    @property
    def counts(self) -> bool:
        return self.kind not in _NO_WORDS

    @property
    def wanted(self) -> bool:
        return self.operand is not None and not self.repeated


def headline(config: Config, text: str, query: TsQuery, given: str = "") -> str:
    options = parse_options(given)
    words = _read(config, text, query)
    covers = list(_covers(words, query))
    if options.highlight_all:
        chosen = [(0, len(words) - 1)]
    elif options.max_fragments == 0:
        chosen = [_best_part(words, covers, options)]
    else:
        chosen = _fragments(words, covers, options)
    for first, last in chosen:
        for word in words[first : last + 1]:
            word.shown = True
    return _rendered(words, options)


def parse_options(given: str) -> Options:
    """Name=value, ...; values may be in double quotes."""
    names = {field.name.replace("_", ""): field for field in fields(Options)}
    found: dict[str, str | int | bool] = {}
    for name, value in _pairs(given):
        field = names.get(name.lower())
        if field is None:
            raise InvalidParameterValue(f'unrecognized headline parameter: "{name}"')
        if field.type == "int":
            found[field.name] = INT4.definition.parse(value)
        elif field.type == "bool":
            found[field.name] = value.lower() in ("1", "on", "true", "t", "y", "yes")
        else:
            found[field.name] = value
    options = replace(Options(), **found)  # type: ignore[arg-type]
    if not options.highlight_all:
        _check(options)
    return options


def _check(options: Options) -> None:
    if options.min_words >= options.max_words:
        raise InvalidParameterValue("MinWords should be less than MaxWords")
    if options.min_words <= 0:
        raise InvalidParameterValue("MinWords should be positive")
    if options.short_word < 0:
        raise InvalidParameterValue("ShortWord should be >= 0")
    if options.max_fragments < 0:
        raise InvalidParameterValue("MaxFragments should be >= 0")


def _pairs(given: str) -> Iterator[tuple[str, str]]:
    place, size = 0, len(given)

    def value(place: int, stops: str) -> tuple[str, int]:
        while place < size and given[place].isspace():
            place += 1
        if given[place : place + 1] in ('"', "'"):
            quote, start = given[place], place + 1
            end = start
            while end < size and not (given[end] == quote and given[end + 1 : end + 2] != quote):
                end += 2 if given[end] == quote else 1
            return given[start:end].replace(quote * 2, quote), end + 1
        start = place
        while place < size and given[place] not in stops and not given[place].isspace():
            place += 1
        return given[start:place], place

    while place < size:
        if given[place].isspace() or given[place] == ",":
            place += 1
            continue
        name, place = value(place, "=,")
        while given[place : place + 1].isspace():
            place += 1
        if given[place : place + 1] != "=":
            raise InvalidParameterValue(f'invalid parameter list format: "{given}"')
        text, place = value(place + 1, ",")
        yield name, text


def _read(config: Config, text: str, query: TsQuery) -> list[_Word]:
    words: list[_Word] = []
    position = 0
    for kind, token in tokens(text):
        lexeme = config.lexeme(kind, token)
        if lexeme is not None:
            position += 1
        words.append(_Word(kind, token, position))
        if not lexeme:
            continue
        asking = [
            operand
            for operand in query.operands
            if operand.lexeme == lexeme or (operand.prefix and lexeme.startswith(operand.lexeme))
        ]
        if asking:
            words[-1].operand = asking[0]
            words += [_Word(kind, token, position, other, True) for other in asking[1:]]
    return words


# ---------------------------------------------------------------- covers

_Location = tuple[Sequence[int], int]  # positions of the last word, and how far before it the first is


def _covers(words: list[_Word], query: TsQuery) -> Iterator[tuple[int, int]]:
    """Stretches that satisfy the query, by their first and last word."""
    locations = _locations(words, query)
    start = 0
    while locations:
        firsts = [
            next((p for p in positions if p - width >= start), -1) for positions, width in locations
        ]
        if -1 in firsts:
            return
        high = max(firsts)
        low = min(
            max((p - width for p in positions if p - width <= high), default=-1)
            for positions, width in locations
        )
        start = low + 1
        inside = [i for i, word in enumerate(words) if word.operand and low <= word.position <= high]
        if inside:
            first, last = inside[0], inside[-1]
            if evaluate(query, _finder(words[first : last + 1])):
                yield first, last


def _finder(words: list[_Word]):  # type: ignore[no-untyped-def]
    places: dict[Operand, list[int]] = {}
    for word in words:
        if word.operand is not None:
            positions = places.setdefault(word.operand, [])
            if word.position not in positions[-1:]:
                positions.append(word.position)

    def found(operand: Operand, placed: bool) -> Matched:
        positions = places.get(operand)
        return Matched(YES, positions) if positions else Matched(NO)

    return found


def _locations(words: list[_Word], query: TsQuery) -> list[_Location]:
    """Where each part that must match does; empty if the query does not, or only by what is missing."""
    found = _finder(words)
    stack: list[tuple[Matched, list[_Location]]] = []
    for item, below in zip(reversed(query.items), reversed(query.below_phrase), strict=True):
        if isinstance(item, Operand):
            matched = found(item, True)
            stack.append((matched, [(matched.positions, 0)] if matched.truth else []))
        elif item.kind == NOT and not below:
            side, _ = stack.pop()
            stack.append((Matched(NO if side.truth else YES), []))
        elif item.kind == NOT:
            stack.append((place(item, stack.pop()[0], None), []))
        else:
            (right, right_places), (left, left_places) = stack.pop(), stack.pop()
            if below or item.kind == PHRASE:
                matched = place(item, left, right)
                placed = bool(matched.truth) and not matched.negated
                stack.append((matched, [(matched.positions, matched.width)] if placed else []))
            elif item.kind == OR:
                truth = Matched(max(left.truth, right.truth))
                stack.append((truth, _either(left_places, right_places)))
            else:
                truth = Matched(min(left.truth, right.truth))
                stack.append((truth, left_places + right_places if truth.truth else []))
    return stack[0][1] if stack and stack[0][0].truth else []


def _either(left: list[_Location], right: list[_Location]) -> list[_Location]:
    """(a and b) or (c and d) as what must all match: a or c, a or d, b or c, b or d."""
    if not left or not right:
        return left or right
    return [
        (sorted({*some, *others}), max(a, b)) for some, a in left for others, b in right
    ]


# ---------------------------------------------------------------- one part


def _is_bad_end(word: _Word, options: Options) -> bool:
    poor = word.kind in _NO_ENDS or len(word.text.encode()) <= options.short_word
    return poor and not word.wanted


def _best_part(
    words: list[_Word], covers: list[tuple[int, int]], options: Options
) -> tuple[int, int]:
    """The part with most of the words found, around a cover, that ends well."""
    best: tuple[int, int] | None = None
    quality = (False, -1, False)
    for first, last in covers:
        begin, end, wanted = _part(words, first, last, options)
        whole = begin <= first and end >= last
        good = not _is_bad_end(words[end], options)
        if best is None or (whole, wanted, good) > quality:
            best, quality = (begin, end), (whole, wanted, good)
    return best if best is not None else (0, _opening(words, options))


def _opening(words: list[_Word], options: Options) -> int:
    """The last of the first min_words words."""
    count, end = 0, -1
    for i, word in enumerate(words):
        if count >= options.min_words:
            break
        count += word.counts
        end = i
    return end


def _part(words: list[_Word], first: int, last: int, options: Options) -> tuple[int, int, int]:
    """(begin, end, words found) of the part for a cover."""
    count = wanted = 0
    begin = end = i = first
    while i <= last and count < options.max_words:
        count += words[i].counts
        wanted += words[i].wanted
        end = i
        i += 1
    if count >= options.max_words:
        return begin, *_shortened(words, (min(i, last), end), (count, wanted), options)
    i -= 1
    while i < len(words) and count < options.max_words:
        if i > last:
            count += words[i].counts
            wanted += words[i].wanted
        end = i
        if not _is_bad_end(words[i], options) and count >= options.min_words:
            break
        i += 1
    if count < options.min_words:
        i = first - 1
        while i >= 0:
            count += words[i].counts
            wanted += words[i].wanted
            if count >= options.max_words:
                break
            if not _is_bad_end(words[i], options) and count >= options.min_words:
                break
            i -= 1
        begin = max(i, 0)
    return begin, end, wanted


def _shortened(
    words: list[_Word], place: tuple[int, int], counted: tuple[int, int], options: Options
) -> tuple[int, int]:
    """(end, words found) cut back to a good end."""
    (i, end), (count, wanted) = place, counted
    while count > options.min_words and _is_bad_end(words[i], options):
        count -= words[i].counts
        wanted -= words[i].wanted
        end = i - 1
        i -= 1
    return end, wanted


# ---------------------------------------------------------------- fragments


@dataclass(slots=True)
class _Fragment:
    first: int
    last: int
    count: int
    wanted: int


def _fragments(
    words: list[_Word], covers: list[tuple[int, int]], options: Options
) -> list[tuple[int, int]]:
    """The richest fragments, stretched to both sides; they do not overlap."""
    left: list[_Fragment] = []
    for first, last in covers:
        while first <= last:
            left.append(_fragment(words, first, last, options.max_words))
            first = left[-1].last + 1
    taken: list[tuple[int, int]] = []
    while left and len(taken) < options.max_fragments:
        best = max(left, key=lambda fragment: (fragment.wanted, -fragment.count))
        if not best.wanted:
            break
        begin, end = _stretched(words, best, taken, options)
        taken.append((begin, end))
        left = [f for f in left if f is not best and (f.last < begin or f.first > end)]
    return taken or [(0, _opening(words, options))]


def _fragment(words: list[_Word], first: int, last: int, max_words: int) -> _Fragment:
    """From a word found to a word found, of at most max_words."""
    while first < last and not words[first].wanted:
        first += 1
    count = wanted = 0
    i = first
    while i <= last and count < max_words:
        count += words[i].counts
        wanted += words[i].wanted
        i += 1
    if last > i:
        last = i
        while last > first and not words[last].wanted:
            count -= words[last].counts
            last -= 1
    return _Fragment(first, last, count, wanted)


def _stretched(
    words: list[_Word], fragment: _Fragment, taken: list[tuple[int, int]], options: Options
) -> tuple[int, int]:
    first, last, count = fragment.first, fragment.last, fragment.count
    if count >= options.max_words:
        return first, last

    def is_free(i: int) -> bool:
        return not any(a <= i <= b for a, b in taken)

    room = (options.max_words - count) // 2
    begin, i = first, first - 1
    while i >= 0 and room > 0 and is_free(i):
        count += words[i].counts
        room -= words[i].counts
        begin = i
        i -= 1
    while begin < first and _is_bad_end(words[begin], options):
        count -= words[begin].counts
        begin += 1
    end, i = last, last + 1
    while i < len(words) and count < options.max_words and is_free(i):
        count += words[i].counts
        end = i
        i += 1
    while end > last and _is_bad_end(words[end], options):
        end -= 1
    return begin, end


# ---------------------------------------------------------------- text


def _rendered(words: list[_Word], options: Options) -> str:
    parts: list[str] = []
    inside = False
    for word in words:
        if word.repeated:
            continue
        if not word.shown:
            inside = False
            continue
        if not inside and parts:
            parts.append(options.fragment_delimiter)
        inside = True
        if word.kind in _SKIPPED:
            continue
        if word.kind in _REPLACED and not options.highlight_all:
            parts.append(" ")
        elif word.operand is not None:
            parts.append(f"{options.start_sel}{word.text}{options.stop_sel}")
        else:
            parts.append(word.text)
    return "".join(parts)
