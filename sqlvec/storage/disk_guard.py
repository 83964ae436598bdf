"""Disk guard: looks now and then at how full the disk is, warns, and stops writes before it is full.

From disk_use_warning_percentage on a warning is logged once; from disk_use_readonly_percentage on every
write is refused with 53100. So it is after a write that found no room. Both end by themselves when
a later look finds room again: reading, and compaction's removal of files, went on meanwhile.
"""

from __future__ import annotations

import logging

from sqlvec.errors import DiskFull
from sqlvec.storage.marks import mark
from sqlvec.storage.seams import Clock
from sqlvec.storage.settings import StorageSettings
from sqlvec.storage.vfs import Vfs

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0


class DiskGuard:
    """One a store; used under its lock."""

    def __init__(self, vfs: Vfs, clock: Clock, settings: StorageSettings) -> None:
        self._vfs = vfs
        self._clock = clock
        self._settings = settings
        self._next_look = 0.0
        self._warned = False
        self.refusal: str | None = None

    def check(self) -> None:
        """DiskFull while the disk is too full for writes."""
        now = self._clock.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self._look()
        if self.refusal is not None:
            raise DiskFull(self.refusal, hint="Check free disk space.")

    def _look(self) -> None:
        settings = self._settings
        used = self._vfs.disk_use_percentage()
        full = used >= settings.disk_use_readonly_percentage
        if full and self.refusal is None:
            mark("disk.full")
            log.error("writes stopped", extra={"disk_use_percentage": used})
        elif not full and self.refusal is not None:
            mark("disk.came_back")
            log.info("writes go on", extra={"disk_use_percentage": used})
        self.refusal = None
        if full:
            self.refusal = (
                f"database is read-only because the disk is {used:.0f} % full "
                f"(disk_use_readonly_percentage = {settings.disk_use_readonly_percentage})"
            )
        warns = used >= settings.disk_use_warning_percentage
        if warns and not self._warned:
            log.warning("disk is getting full", extra={"disk_use_percentage": used})
        self._warned = warns
