"""Wire scripts: which messages answer which messages, as a text file that runs against any server.

    send [ON]                       what goes out, one message a line, in one write
    Query "select 1"
    Parse name="s" query="select $1" oids=[23]
    Bind statement="s" values=["1", null, {"hex": "00000001"}] formats=[0] results=[1]
    ----

    until [ON] ReadyForQuery x2     reads until these have come, in this order; prints what came
    ----
    ReadyForQuery I

ON is `on=NAME`: another connection, made by `open NAME` (started up, or with `raw` as it is). `EOF` is the
end of the connection; `Silence` is that nothing comes. A # line is a comment. What varies from server to
server or from run to run (pids, keys, oids of tables and of types made later) is printed as a word.
"""

from __future__ import annotations

import difflib
import json
import re
import socket
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIMEOUT_SECONDS = 30
SILENCE_SECONDS = 0.2
FIRST_USER_OID = 16_384
_KINDS = {
    b"R": "Authentication", b"S": "ParameterStatus", b"K": "BackendKeyData", b"Z": "ReadyForQuery",
    b"T": "RowDescription", b"D": "DataRow", b"C": "CommandComplete", b"E": "ErrorResponse",
    b"N": "NoticeResponse", b"1": "ParseComplete", b"2": "BindComplete", b"3": "CloseComplete",
    b"n": "NoData", b"t": "ParameterDescription", b"s": "PortalSuspended", b"I": "EmptyQueryResponse",
    b"G": "CopyInResponse", b"H": "CopyOutResponse", b"d": "CopyData", b"c": "CopyDone",
    b"A": "NotificationResponse", b"v": "NegotiateProtocolVersion", b"V": "FunctionCallResponse",
}  # fmt: skip
_SHOWN_FIELDS = {
    b"D": "detail", b"H": "hint", b"P": "position", b"W": "where", b"s": "schema", b"t": "table",
    b"c": "column", b"d": "datatype", b"n": "constraint",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """One directive: its words, its lines, and the answer that the file expects."""

    comments: list[str]
    directive: str
    lines: list[str]
    expected: list[str]


def parse_script(text: str) -> list[Block]:
    blocks = []
    for paragraph in text.strip("\n").split("\n\n"):
        lines = paragraph.split("\n")
        comments = [line for line in lines if line.startswith("#")]
        rest = [line for line in lines if not line.startswith("#")]
        rest = rest or [""]  # a paragraph of comments
        mark = rest.index("----") if "----" in rest else len(rest)
        blocks.append(Block(comments, rest[0], rest[1:mark], rest[mark + 1 :]))
    return blocks


def render_script(blocks: list[Block]) -> str:
    parts = []
    for block in blocks:
        lines = [*block.comments, *([block.directive] if block.directive else []), *block.lines]
        if block.directive.startswith(("send", "until")):
            lines += ["----", *block.expected]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


class Wire:
    """One socket that speaks the protocol message by message."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port), TIMEOUT_SECONDS)
        self.buffer = b""
        self.key = b""

    def start(self, **parameters: str) -> None:
        self.socket.sendall(startup(parameters))
        while True:
            kind, body = self.read()
            assert kind in (b"R", b"S", b"K", b"Z"), (kind, body)
            if kind == b"K":
                self.key = body
            if kind == b"Z":
                return

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> tuple[bytes, bytes]:
        """The next message; kind empty at the end of the connection."""
        while len(self.buffer) < 5 or len(self.buffer) < 1 + self._length():
            if not self._more():
                return b"", self.buffer
        end = 1 + self._length()
        kind, body = self.buffer[:1], self.buffer[5:end]
        self.buffer = self.buffer[end:]
        return kind, body

    def read_byte(self) -> bytes:
        """The answer to an encryption request, which is no message."""
        while not self.buffer:
            if not self._more():
                return b""
        byte, self.buffer = self.buffer[:1], self.buffer[1:]
        return byte

    def silent(self) -> bool:
        """Whether nothing comes for a while."""
        self.socket.settimeout(SILENCE_SECONDS)
        try:
            return not self.buffer and not self._more()
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(TIMEOUT_SECONDS)

    def until_ready(self) -> list[tuple[bytes, bytes]]:
        """The messages up to ReadyForQuery, which is the last of them, or to the end of the connection."""
        found = [self.read()]
        while found[-1][0] not in (b"Z", b""):
            found.append(self.read())
        return found

    def close(self) -> None:
        self.socket.close()

    def _length(self) -> int:
        length: int = struct.unpack_from(">I", self.buffer, 1)[0]
        return length

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionResetError:
            return False
        self.buffer += data
        return bool(data)


# ---------------------------------------------------------------- what is sent


def startup(parameters: dict[str, str], minor: int = 0) -> bytes:
    words = [word for pair in parameters.items() for word in pair]
    body = b"".join(word.encode() + b"\0" for word in words) + b"\0"
    return struct.pack(">IHH", len(body) + 8, 3, minor) + body


def message(kind: str, body: bytes = b"") -> bytes:
    return kind.encode() + struct.pack(">I", len(body) + 4) + body


def text(value: str) -> bytes:
    return value.encode() + b"\0"


def raw(value: Any) -> bytes:
    """A string as UTF-8, {"hex": ...} as those bytes."""
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value.encode()


def parse(name: str, query: str, oids: list[int]) -> bytes:
    return message("P", text(name) + text(query) + struct.pack(f">H{len(oids)}I", len(oids), *oids))


def bind(
    portal: str, statement: str, formats: list[int], values: list[Any], results: list[int]
) -> bytes:
    body = text(portal) + text(statement) + struct.pack(f">H{len(formats)}H", len(formats), *formats)
    body += struct.pack(">H", len(values))
    for value in values:
        data = None if value is None else raw(value)
        body += struct.pack(">i", -1) if data is None else struct.pack(">I", len(data)) + data
    return message("B", body + struct.pack(f">H{len(results)}H", len(results), *results))


def _bind(portal: str = "", statement: str = "", **lists: Any) -> bytes:
    found = [lists.get(name, []) for name in ("formats", "values", "results")]
    return bind(portal, statement, *found)


FRONTEND: dict[str, Callable[..., bytes]] = {
    "SSLRequest": lambda: struct.pack(">II", 8, 80877103),
    "GSSENCRequest": lambda: struct.pack(">II", 8, 80877104),
    "Startup": lambda parameters, minor=0: startup(parameters, minor),
    "Query": lambda query: message("Q", text(query)),
    "Parse": lambda query, name="", oids=(): parse(name, query, list(oids)),
    "Bind": _bind,
    "Describe": lambda what, name="": message("D", what.encode() + text(name)),
    "Execute": lambda portal="", limit=0: message("E", text(portal) + struct.pack(">i", limit)),
    "Close": lambda what, name="": message("C", what.encode() + text(name)),
    "Sync": lambda: message("S"),
    "Flush": lambda: message("H"),
    "Terminate": lambda: message("X"),
    "CopyData": lambda data: message("d", raw(data)),
    "CopyDone": lambda: message("c"),
    "CopyFail": lambda reason: message("f", text(reason)),
    "FunctionCall": lambda oid: message("F", struct.pack(">IHHH", oid, 0, 0, 0)),
    "Raw": lambda data: raw(data),
    "Message": lambda kind, body="": message(kind, raw(body)),
}


def encode(line: str) -> bytes:
    """A line of a send block as bytes."""
    name, _, rest = line.partition(" ")
    arguments, named = [], {}
    decoder = json.JSONDecoder()
    while rest := rest.strip():
        key, equals, after = rest.partition("=")
        if equals and key.isidentifier():
            value, end = decoder.raw_decode(after)
            named[key], rest = value, after[end:]
        else:
            value, end = decoder.raw_decode(rest)
            arguments.append(value)
            rest = rest[end:]
    return FRONTEND[name](*arguments, **named)


# ---------------------------------------------------------------- what comes


def render(kind: bytes, body: bytes) -> str:
    """A backend message as one line."""
    if not kind:
        return "EOF"
    name = _KINDS.get(kind, f"unknown {kind!r}")
    show = _RENDER.get(name)
    shown = show(body) if show is not None else ""
    return f"{name} {shown}".rstrip()


def _strings(body: bytes) -> list[str]:
    return [part.decode() for part in body.split(b"\0")[:-1]]


def fields(body: bytes) -> dict[bytes, str]:
    """Of an ErrorResponse or a NoticeResponse."""
    return {part[:1]: part[1:].decode() for part in body.split(b"\0") if part}


def _error(body: bytes) -> str:
    found = fields(body)
    assert found[b"S"] == found[b"V"]
    shown = f"{found[b'V']} {found[b'C']} {found[b'M']}"
    extra = [f"{name}={json.dumps(found[code])}" for code, name in _SHOWN_FIELDS.items() if code in found]
    return " ".join([shown, *extra])


def _columns(body: bytes) -> str:
    count, place, shown = struct.unpack_from(">H", body)[0], 2, []
    for _ in range(count):
        end = body.index(b"\0", place)
        name = body[place:end].decode()
        table, attnum, oid, length, typmod, code = struct.unpack_from(">IhIhih", body, end + 1)
        place = end + 19
        column = f"{name}:{_oid(oid)}/{length}"
        column += f"({typmod})" if typmod != -1 else ""
        column += f" of table.{attnum}" if table else ""
        shown.append(column + (" binary" if code else ""))
    return ", ".join(shown)


def _oid(oid: int) -> str:
    return str(oid) if oid < FIRST_USER_OID else "user-type"


def _row(body: bytes) -> str:
    count, place, shown = struct.unpack_from(">H", body)[0], 2, []
    for _ in range(count):
        length = struct.unpack_from(">i", body, place)[0]
        place += 4
        if length == -1:
            shown.append("null")
            continue
        shown.append(_value(body[place : place + length]))
        place += length
    return " ".join(shown)


def _value(data: bytes) -> str:
    try:
        value = data.decode()
    except UnicodeDecodeError:
        return "0x" + data.hex()
    return json.dumps(value, ensure_ascii=False) if value.isprintable() else _escaped(data, value)


def _escaped(data: bytes, value: str) -> str:
    plain = all(c.isprintable() or c in "\n\t\r" for c in value)
    return json.dumps(value, ensure_ascii=False) if plain else "0x" + data.hex()


def _copy_response(body: bytes) -> str:
    overall, count = struct.unpack_from(">BH", body)
    codes = struct.unpack_from(f">{count}H", body, 3)
    return f"{'binary' if overall else 'text'} {list(codes)}"


def _parameters(body: bytes) -> str:
    count = struct.unpack_from(">H", body)[0]
    return str([_oid(oid) for oid in struct.unpack_from(f">{count}I", body, 2)]).replace("'", "")


def _authentication(body: bytes) -> str:
    code = struct.unpack_from(">I", body)[0]
    names = {0: "Ok", 10: "SASL", 11: "SASLContinue", 12: "SASLFinal"}
    return names.get(code, str(code)) + (f" {_strings(body[4:])}" if code == 10 else "")


def _negotiate(body: bytes) -> str:
    minor, _ = struct.unpack_from(">II", body)
    return f"{minor & 0xFFFF} {_strings(body[8:])}"


_RENDER: dict[str, Callable[[bytes], str]] = {
    "Authentication": _authentication,
    "BackendKeyData": lambda body: "pid key" if len(body) == 8 else f"{len(body)} bytes",
    "ParameterStatus": lambda body: " ".join(_strings(body)),
    "ReadyForQuery": lambda body: body.decode(),
    "RowDescription": _columns,
    "DataRow": _row,
    "CommandComplete": lambda body: _strings(body)[0],
    "ErrorResponse": _error,
    "NoticeResponse": _error,
    "ParameterDescription": _parameters,
    "CopyInResponse": _copy_response,
    "CopyOutResponse": _copy_response,
    "CopyData": _value,
    "NotificationResponse": lambda body: "pid " + " ".join(json.dumps(s) for s in _strings(body[4:])),
    "NegotiateProtocolVersion": _negotiate,
}


# ---------------------------------------------------------------- running


class Conversation:
    """The connections of one run of a script."""

    def __init__(self, host: str, port: int, database: str) -> None:
        self.host, self.port, self.database = host, port, database
        self.wires: dict[str, Wire] = {}

    def run(self, blocks: list[Block]) -> list[Block]:
        """The same blocks with what this server answered."""
        try:
            return [Block(b.comments, b.directive, b.lines, self._run(b)) for b in blocks]
        finally:
            for wire in self.wires.values():
                wire.close()

    def _run(self, block: Block) -> list[str]:
        words = block.directive.split()
        if not words:
            return []
        name = next((word[3:] for word in words if word.startswith("on=")), "")
        words = [word for word in words if not word.startswith("on=")]
        if words[0] == "open":
            self.wires[words[1]] = self._open("raw" not in words)
        elif words[0] == "send":
            self._wire(name).send(b"".join(self._encode(line) for line in block.lines))
        elif words[0] == "until":
            return list(self._until(self._wire(name), words[1:]))
        else:
            raise AssertionError(f"no such directive: {block.directive}")
        return []

    def _wire(self, name: str) -> Wire:
        if name not in self.wires and not name:
            self.wires[name] = self._open(True)
        return self.wires[name]

    def _open(self, started: bool) -> Wire:
        wire = Wire(self.host, self.port)
        if started:
            wire.start(user="postgres", database=self.database)
        return wire

    def _encode(self, line: str) -> bytes:
        if line.startswith("Cancel "):
            target = self.wires[line.split()[1].removeprefix("on=").replace("main", "")]
            return struct.pack(">II", 16, 80877102) + target.key
        return encode(line.replace("$DATABASE", self.database))

    def _until(self, wire: Wire, wanted: list[str]) -> Iterator[str]:
        hidden = {word[1:] for word in wanted if word.startswith("-")}
        for want in _repeated([word for word in wanted if not word.startswith("-")]):
            if want == "Silence":
                assert wire.silent(), wire.buffer
                yield "Silence"
                continue
            if want == "Byte":
                yield f"Byte {wire.read_byte().decode()}"
                continue
            while True:
                kind, body = wire.read()
                if kind == b"K":
                    wire.key = body
                line = render(kind, body)
                name = line.split()[0]
                if name not in hidden:
                    yield line.replace(self.database, "$DATABASE")
                if name == want:
                    break
                assert name != "EOF", f"the connection ended before {want}"


def _repeated(words: list[str]) -> list[str]:
    """x3 stands for the word before it three times."""
    found: list[str] = []
    for word in words:
        times = re.fullmatch(r"x(\d+)", word)
        found += [found[-1]] * (int(times[1]) - 1) if times else [word]
    return found


def check_script(path: Path, host: str, port: int, database: str, *, rewrite: bool) -> None:
    """Runs the script and compares; rewriting keeps what the server answered."""
    before = path.read_text()
    blocks = parse_script(before)
    found = render_script(Conversation(host, port, database).run(blocks))
    if rewrite:
        path.write_text(found)
    else:
        lines = (found.splitlines(), before.splitlines())
        difference = difflib.unified_diff(lines[1], lines[0], path.name, "answered", lineterm="")
        assert found == before, "\n".join(difference)
