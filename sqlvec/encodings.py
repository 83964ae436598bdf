"""Encodings of clients: PostgreSQL's names and numbers, and the codecs that turn their bytes into text and back.

The server keeps UTF-8. SQL_ASCII means that nothing is turned, so it is UTF-8 too. Source: pg_wchar.h, wchar.c.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from sqlvec.errors import CharacterNotInRepertoire, UntranslatableCharacter


@dataclass(frozen=True, slots=True)
class Encoding:
    """codec is Python's name; "" for those that are known by name only. width: most bytes of a character."""

    name: str
    number: int
    codec: str
    width: int

    @property
    def is_utf8(self) -> bool:
        return self.codec == "utf_8"

    def decode(self, raw: bytes) -> str:
        """22021 for bytes that are no characters, 22P05 for characters that Unicode does not have."""
        try:
            return raw.decode(self.codec)
        except UnicodeDecodeError as error:
            raise self.undecodable(raw, error.start) from error

    def encode(self, text: str) -> bytes:
        """22P05 for characters that the encoding does not have."""
        try:
            return text.encode(self.codec)
        except UnicodeEncodeError as error:
            lost = text[error.start].encode(errors="surrogatepass")
            raise UntranslatableCharacter.of(lost, "UTF8", self.name) from error

    def to_utf8(self, raw: bytes) -> bytes:
        return raw if raw.isascii() else self.decode(raw).encode()

    def from_utf8(self, raw: bytes) -> bytes:
        return raw if raw.isascii() else self.encode(raw.decode())

    def undecodable(self, raw: bytes, start: int) -> CharacterNotInRepertoire | UntranslatableCharacter:
        if self.is_utf8:
            return CharacterNotInRepertoire.at(raw, start)
        character = raw[start : start + self._size(raw, start)]
        if self._is_formed(character):
            return UntranslatableCharacter.of(character, self.name, "UTF8")
        return CharacterNotInRepertoire.of(character, self.name)

    def _size(self, raw: bytes, start: int) -> int:
        """How many bytes belong together, as the first of them says."""
        first = raw[start]
        if self.width == 1 or first < 0x80 or (self.name in _SHIFTED and 0xA1 <= first <= 0xDF):
            return 1
        if self.name == "GB18030":
            return 4 if raw[start + 1 : start + 2].isdigit() else 2
        return 3 if first == 0x8F and self.width == 3 else 2

    def _is_formed(self, character: bytes) -> bool:
        """Whether it looks like a character, though it may stand for none."""
        if self.width == 1:
            return True
        trail = character[1:]
        low = 0xA1 if self.name.startswith("EUC") else 0x30
        return len(character) > 1 and all(low <= byte <= 0xFE and byte != 0x7F for byte in trail)


class Stream:
    """Turns pieces that end anywhere into UTF-8."""

    def __init__(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.sound = b""  # what came before bytes that are no text
        self._decoder = codecs.getincrementaldecoder(encoding.codec)()

    def turn(self, raw: bytes, *, last: bool = False) -> bytes:
        waiting = self._decoder.getstate()[0]
        try:
            return self._decoder.decode(raw, last).encode()
        except UnicodeDecodeError as error:
            whole = waiting + raw
            self.sound = whole[: error.start].decode(self.encoding.codec).encode()
            raise self.encoding.undecodable(whole, error.start) from error


_SHIFTED = ("SJIS", "SHIFT_JIS_2004")
_TABLE = """
SQL_ASCII utf_8 1; EUC_JP euc_jp 3; EUC_CN gb2312 3; EUC_KR euc_kr 3; EUC_TW - 4; EUC_JIS_2004 euc_jis_2004 3
UTF8 utf_8 4; MULE_INTERNAL - 4; LATIN1 latin_1 1; LATIN2 iso8859_2 1; LATIN3 iso8859_3 1; LATIN4 iso8859_4 1
LATIN5 iso8859_9 1; LATIN6 iso8859_10 1; LATIN7 iso8859_13 1; LATIN8 iso8859_14 1; LATIN9 iso8859_15 1
LATIN10 iso8859_16 1; WIN1256 cp1256 1; WIN1258 cp1258 1; WIN866 cp866 1; WIN874 cp874 1; KOI8R koi8_r 1
WIN1251 cp1251 1; WIN1252 cp1252 1; ISO_8859_5 iso8859_5 1; ISO_8859_6 iso8859_6 1; ISO_8859_7 iso8859_7 1
ISO_8859_8 iso8859_8 1; WIN1250 cp1250 1; WIN1253 cp1253 1; WIN1254 cp1254 1; WIN1255 cp1255 1; WIN1257 cp1257 1
KOI8U koi8_u 1; SJIS cp932 2; BIG5 cp950 2; GBK gbk 2; UHC cp949 2; GB18030 gb18030 4; JOHAB johab 3
SHIFT_JIS_2004 shift_jis_2004 2
"""


def _read_table() -> list[Encoding]:
    entries = [entry.split() for entry in _TABLE.replace("\n", ";").split(";") if entry.strip()]
    return [
        Encoding(name, number, "" if codec == "-" else codec, int(width))
        for number, (name, codec, width) in enumerate(entries)
    ]


ENCODINGS = _read_table()  # by PostgreSQL's number
_ALIASES = {
    "abc": "WIN1258", "alt": "WIN866", "iso88591": "LATIN1", "iso88592": "LATIN2", "iso88593": "LATIN3",
    "iso88594": "LATIN4", "iso88599": "LATIN5", "iso885910": "LATIN6", "iso885913": "LATIN7",
    "iso885914": "LATIN8", "iso885915": "LATIN9", "iso885916": "LATIN10", "koi8": "KOI8R",
    "mskanji": "SJIS", "shiftjis": "SJIS", "tcvn": "WIN1258", "tcvn5712": "WIN1258", "unicode": "UTF8",
    "vscii": "WIN1258", "win": "WIN1251", "win932": "SJIS", "win936": "GBK", "win949": "UHC", "win950": "BIG5",
}  # fmt: skip
_IGNORED = re.compile(r"[^a-z0-9]")
_BY_NAME = {_IGNORED.sub("", encoding.name.lower()): encoding for encoding in ENCODINGS}
_BY_NAME |= {alias: _BY_NAME[name.lower().replace("_", "")] for alias, name in _ALIASES.items()}
_BY_NAME |= {
    f"windows{name[3:]}": _BY_NAME[name] for name in list(_BY_NAME) if re.fullmatch(r"win\d+", name)
}
UTF8 = _BY_NAME["utf8"]


def encoding_named(name: str) -> Encoding | None:
    """Case and punctuation do not count, and some have several names."""
    return _BY_NAME.get(_IGNORED.sub("", name.lower()))
