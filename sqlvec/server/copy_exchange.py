"""COPY FROM STDIN as the session sees it: rows come as messages, and one that is no row ends it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlvec.errors import DatabaseError, ProtocolViolation

if TYPE_CHECKING:
    from sqlvec.exec.copy import CopyIn


@dataclass(slots=True)
class CopyExchange:
    """kind is the message that the COPY came with, which decides how its errors are answered."""

    copy_in: CopyIn
    kind: int
    resume: Callable[[Callable[[], Any]], None] | None = None

    def interrupted_by(self, kind: int) -> DatabaseError:
        return ProtocolViolation(
            f"unexpected message type 0x{kind:02X} during COPY from stdin"
        )
