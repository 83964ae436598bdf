"""The automaton of the default parser as a table (wparser_def.c has the same states).

    state
      test action target [token] [effect]

The first test that holds decides. Tests: a character in quotes; end, letter (ASCII), alpha, digit, alnum,
other (not alnum), space, url, hex, mark (no letter, but no border of words either), any; ignoring (inside a
script or style), stop-host, host, path, which look at more than the character.
Actions: next takes the character; push takes it and remembers where, so that a later pop tries the tests
that follow; clear and clear-all forget what was pushed; merge keeps what was read since the push; rerun does
not take the character; found ends a token. A target of - leaves the state as it is.
"""

from __future__ import annotations

from typing import NamedTuple

TOKEN_NAMES = (
    "", "asciiword", "word", "numword", "email", "url", "host", "sfloat", "version", "hword_numpart",
    "hword_part", "hword_asciipart", "blank", "tag", "protocol", "numhword", "asciihword", "hword",
    "url_path", "file", "float", "int", "uint", "entity",
)  # fmt: skip
TOKEN_DESCRIPTIONS = (
    "", "Word, all ASCII", "Word, all letters", "Word, letters and digits", "Email address", "URL",
    "Host", "Scientific notation", "Version number", "Hyphenated word part, letters and digits",
    "Hyphenated word part, all letters", "Hyphenated word part, all ASCII", "Space symbols", "XML tag",
    "Protocol head", "Hyphenated word, letters and digits", "Hyphenated word, all ASCII",
    "Hyphenated word, all letters", "URL path", "File or path name", "Decimal notation",
    "Signed integer", "Unsigned integer", "XML entity",
)  # fmt: skip

_TABLE = """
base
  end next -; '<' push tag-first; ignoring next space; letter next ascii; alpha next word; digit next uint
  '-' push int-first; '+' push int-first; '&' push entity-first; '~' push twiddle; '/' push file-first
  '.' push path-first-first; any next space
numword
  end found base numword; alnum next numword; mark next numword; '@' push email; '/' push file-first
  '.' push file-next; '-' push hyphen-num-first; any found base numword
ascii
  end found base asciiword; letter next -; '.' push domain-first; '.' push file-next; '-' push host-first
  '-' push hyphen-ascii-first; '_' push host-first; '@' push email; ':' push protocol-first; '/' push file-first
  digit push host; digit next numword; alpha next word; mark next word; any found base asciiword
word
  end found base word; alpha next -; mark next -; digit next numword; '-' push hyphen-word-first
  any found base word
uint
  end found base uint; digit next -; '.' push domain-first; '.' push udecimal-first; 'e' push mantissa-first
  'E' push mantissa-first; '-' push host-first; '_' push host-first; '@' push email; letter push host
  alpha next numword; mark next numword; '/' push file-first; any found base uint
int-first
  end pop -; digit next,clear int; any pop -
int
  end found base int; digit next -; '.' push decimal-first; 'e' push mantissa-first; 'E' push mantissa-first
  any found base int
space
  end found base blank; '<' found base blank; ignoring next -; '-' found base blank; '+' found base blank
  '&' found base blank; '/' found base blank; other next space; any found base blank
udecimal-first
  end pop -; digit clear udecimal; any pop -
udecimal
  end found base float; digit next udecimal; '.' push version-first; 'e' push mantissa-first
  'E' push mantissa-first; any found base float
decimal-first
  end pop -; digit clear decimal; any pop -
decimal
  end found base float; digit next decimal; '.' push ver-version; 'e' push mantissa-first
  'E' push mantissa-first; any found base float
ver-version
  end pop -; digit rerun signed-version _ back-all; any pop -
signed-version
  end pop -; digit found,clear-all uint blank; any next -
version-first
  end pop -; digit clear version; any pop -
version
  end found base version; digit next version; '.' push version-first; any found base version
mantissa-first
  end pop -; digit clear mantissa; '+' next mantissa-sign; '-' next mantissa-sign; any pop -
mantissa-sign
  end pop -; digit clear mantissa; any pop -
mantissa
  end found base sfloat; digit next mantissa; any found base sfloat
entity-first
  end pop -; '#' next entity-num-first; letter next entity; ':' next entity; '_' next entity; any pop -
entity
  end pop -; alnum next entity; ':' next entity; '_' next entity; '.' next entity; '-' next entity
  ';' next entity-end; any pop -
entity-num-first
  end pop -; 'x' next entity-hex-first; 'X' next entity-hex-first; digit next entity-num; any pop -
entity-hex-first
  end pop -; hex next entity-hex; any pop -
entity-num
  end pop -; digit next entity-num; ';' next entity-end; any pop -
entity-hex
  end pop -; hex next entity-hex; ';' next entity-end; any pop -
entity-end
  any found,clear base entity
tag-first
  end pop -; '/' push tag-close-first; '!' push comment-first; '?' push xml-begin; letter push tag-name
  ':' push tag-name; '_' push tag-name; any pop -
xml-begin
  end pop -; 'x' next tag-in; any pop -
tag-close-first
  end pop -; letter next tag-name; any pop -
tag-name
  end pop -; '/' next tag-begin-end; '>' next tag-end _ tags; space next tag-in _ tags; alnum next -; ':' next -
  '_' next -; '.' next -; '-' next -; any pop -
tag-begin-end
  end pop -; '>' next tag-end; any pop -
tag-in
  end pop -; '>' next tag-end _ tags; ''' next tag-quote; '"' next tag-quotes; letter next -; digit next -
  '=' next -; '-' next -; '_' next -; '#' next -; '/' next -; ':' next -; '.' next -; '&' next -; '?' next -
  '%' next -; '~' next -; space next - _ tags; any pop -
tag-quote
  end pop -; '\\' push tag-escaped; ''' next tag-in; any next tag-quote
tag-quotes
  end pop -; '\\' push tag-escaped; '"' next tag-in; any next tag-quotes
tag-escaped
  end pop -; any merge -
tag-end
  any found,clear-all base tag
comment-first
  end pop -; '-' next comment-last; 'D' next tag-in; 'd' next tag-in; any pop -
comment-last
  end pop -; '-' next comment; any pop -
comment
  end pop -; '-' next comment-close-first; any next -
comment-close-first
  end pop -; '-' next comment-close-last; any next comment
comment-close-last
  end pop -; '-' next -; '>' next comment-end; any next comment
comment-end
  any found,clear-all base tag
domain-first
  end pop -; letter next domain-second; digit next host; any pop -
domain-second
  end pop -; letter next domain; digit push host; '-' push host-first; '_' push host-first
  '.' push domain-first; '@' push email; any pop -
domain
  end found,clear-all base host; letter next domain; digit push host; ':' push port-first
  '-' push host-first; '_' push host-first; '.' push domain-first; '@' push email; digit pop -
  stop-host found,clear-all url-path-start host; '/' push url-after-host; any found,clear-all base host
port-first
  end pop -; digit next port; any pop -
port
  end found,clear-all base host; digit next port; stop-host found,clear-all url-path-start host
  '/' push url-after-host; any found,clear-all base host
host-first
  end pop -; digit next host; letter next host; any pop -
host
  end pop -; digit next host; letter next host; '@' push email; '.' push domain-first; '-' push host-first
  '_' push host-first; any pop -
email
  stop-host pop -; host found,clear-all base email; any pop -
file-first
  end pop -; letter next file; digit next file; '.' next path-first; '_' next file; '~' push twiddle; any pop -
twiddle
  end pop -; letter next file; digit next file; '_' next file; '/' next file-first; any pop -
path-first
  end pop -; letter next file; digit next file; '_' next file; '.' next path-second; '/' next file-first
  any pop -
path-first-first
  end pop -; '.' next path-second; '/' next file-first; any pop -
path-second
  end found,clear base file; '/' push file-first; '/' found,clear base file; space found,clear base file
  any pop -
file
  end found base file; letter next file; digit next file; '.' push file-next; '_' next file; '-' next file
  '/' push file-first; any found base file
file-next
  end pop -; letter clear file; digit clear file; '_' clear file; any pop -
url-path-first
  end pop -; url clear url-path; any pop -
url-path-start
  any next url-path
url-path
  end found base url_path; url next url-path; any found base url_path
url-after-host
  end pop -; path found,clear-all base url to-host; any pop -
protocol-first
  end pop -; '/' next protocol-second; any pop -
protocol-second
  end pop -; '/' next protocol-end; any pop -
protocol-end
  any found,clear-all base protocol
hyphen-ascii-first
  end pop -; letter next hyphen-ascii; alpha next hyphen-word; digit next hyphen-digits; any pop -
hyphen-ascii
  end found,clear-all parse-hyphen asciihword back; letter next hyphen-ascii; alpha next hyphen-word
  mark next hyphen-word; digit next hyphen-num; '-' push hyphen-ascii-first
  any found,clear-all parse-hyphen asciihword back
hyphen-word-first
  end pop -; alpha next hyphen-word; digit next hyphen-digits; any pop -
hyphen-word
  end found,clear-all parse-hyphen hword back; alpha next hyphen-word; mark next hyphen-word
  digit next hyphen-num; '-' push hyphen-word-first; any found,clear-all parse-hyphen hword back
hyphen-num-first
  end pop -; alpha next hyphen-num; digit next hyphen-digits; any pop -
hyphen-num
  end found,clear-all parse-hyphen numhword back; alnum next hyphen-num; mark next hyphen-num
  '-' push hyphen-num-first; any found,clear-all parse-hyphen numhword back
hyphen-digits
  end pop -; digit next hyphen-digits; alpha next hyphen-num; mark next hyphen-num; any pop -
parse-hyphen
  end rerun base; letter next part-ascii; alpha next part-word; digit push part-digits
  '-' push hyphen-hyphen; any rerun base
hyphen-hyphen
  end pop -; alnum found,clear parse-hyphen blank; mark found,clear parse-hyphen blank; any pop -
part-word
  end found base hword_part; alpha next part-word; mark next part-word; digit next part-num
  any found parse-hyphen hword_part
part-ascii
  end found base hword_asciipart; letter next part-ascii; alpha next part-word; mark next part-word
  digit next part-num; any found parse-hyphen hword_asciipart
part-num
  end found base hword_numpart; alnum next part-num; mark next part-num; any found parse-hyphen hword_numpart
part-digits
  end pop -; digit next -; alpha clear part-num; mark clear part-num; any pop -
"""


class Rule(NamedTuple):
    """test is a word, or a character in quotes. target is empty to stay; effect is what else happens."""

    test: str
    actions: frozenset[str]
    target: str
    token: int
    effect: str


def _rules() -> dict[str, tuple[Rule, ...]]:
    states: dict[str, list[Rule]] = {}
    current: list[Rule] = []
    for line in _TABLE.strip("\n").split("\n"):
        if not line.startswith(" "):
            current = states.setdefault(line, [])
            continue
        for part in line.strip().replace("';'", "'\0'").split("; "):
            test, actions, target, *rest = part.replace("\0", ";").split()
            token, effect = (*rest, "_", "")[:2] if not rest else (*rest, "")[:2]
            number = TOKEN_NAMES.index(token) if token != "_" else 0
            current.append(
                Rule(test, frozenset(actions.split(",")), "" if target == "-" else target, number, effect)
            )
    return {name: tuple(rules) for name, rules in states.items()}


RULES = _rules()
