"""The listener: sockets, clients by pid, worker threads, background jobs, shutdown."""

from __future__ import annotations

import asyncio
import hmac
import logging
import secrets
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import uvloop

from sqlvec import __version__
from sqlvec.catalog.objects import Index
from sqlvec.database import Cluster, Database
from sqlvec.errors import DatabaseError, TooManyConnections
from sqlvec.exec.priority import give_way
from sqlvec.exec.relational import EngineLimits
from sqlvec.server.busy_poll import BusyPoll
from sqlvec.server.committer import Committer
from sqlvec.server.connection import ClientConnection
from sqlvec.server.tls import ServerTls
from sqlvec.server.tls import load as load_tls
from sqlvec.storage.settings import StorageSettings

log = logging.getLogger("sqlvec.listener")
WORKERS = 4
SWITCH_SECONDS = 0.0005  # how long the event loop waits for an interpreter that a worker holds
JOB_INTERVAL_SECONDS = 0.2
AUTHENTICATION_SECONDS = 60.0  # PostgreSQL's authentication_timeout
MAX_CONNECTIONS = 1_000


class Listener:
    """Serves one cluster."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        needs_password: bool,
        authentication_seconds: float = AUTHENTICATION_SECONDS,
        max_connections: int = MAX_CONNECTIONS,
        tls: ServerTls | None = None,
    ) -> None:
        self.cluster = cluster
        self.tls = tls
        if tls is not None:
            cluster.server_settings |= {
                "ssl": "on",
                "ssl_cert_file": tls.certificate_file,
                "ssl_key_file": tls.key_file,
            }
        self.max_connections = max_connections
        cluster.server_settings["max_connections"] = str(max_connections)
        self.needs_password = needs_password
        self.authentication_seconds = authentication_seconds
        self.mock_key = secrets.token_bytes(32)
        self.clients: set[ClientConnection] = set()
        self.running: set[asyncio.Future[Any]] = set()  # statements in worker threads
        self.by_pid: dict[int, ClientConnection] = {}
        self.pool = ThreadPoolExecutor(WORKERS, "sqlvec-worker", give_way)
        self.committers: dict[str, Committer] = {}
        self.stopping = asyncio.Event()
        self.busy_poll = BusyPoll(asyncio.get_running_loop())
        self._next_pid = 1000

    def register(self, client: ClientConnection) -> tuple[int, bytes]:
        """A pid and a secret for CancelRequest; 53300 when there are as many sessions as may be."""
        if len(self.by_pid) >= self.max_connections:
            raise TooManyConnections("sorry, too many clients already")
        self._next_pid += 1
        self.by_pid[self._next_pid] = client
        return self._next_pid, secrets.token_bytes(4)

    def cancel(self, pid: int, secret: bytes) -> None:
        client = self.by_pid.get(pid)
        if client is not None and client.session is not None:
            if hmac.compare_digest(client.secret, secret):
                client.session.cancel()

    def committer(self, database: Database) -> Committer:
        found = self.committers.get(database.name)
        if found is None or found.store is not database.store:
            if found is not None:
                found.close()
            found = self.committers[database.name] = Committer(database.store, self.busy_poll)
        return found

    async def serve(self, host: str, port: int) -> None:
        """Listens until told to stop; prints one line when ready."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: ClientConnection(self), host, port)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        if self.tls is not None:
            loop.add_signal_handler(signal.SIGHUP, self._reload_certificate)
        bound_port = server.sockets[0].getsockname()[1]
        address = f"postgresql://postgres@{host}:{bound_port}/postgres"
        print(f"sqlvec {__version__} ready: {address}", flush=True)
        jobs = asyncio.create_task(self._run_jobs())
        syncs = asyncio.create_task(self._run_syncs())
        await self.stopping.wait()
        server.close()
        for client in list(self.clients):
            client.terminate()
        await jobs
        await syncs
        while self.running:  # cancelled, and insisted upon
            await asyncio.wait(self.running)
        self.pool.shutdown(wait=True)
        for committer in self.committers.values():
            committer.close()
        self.cluster.close()

    def _reload_certificate(self) -> None:
        """Of connections from now on; a file that cannot be used leaves the one there is."""
        assert self.tls is not None
        try:
            self.tls = load_tls(self.tls.certificate_file, self.tls.key_file)
            log.info("certificate reloaded")
        except OSError as error:
            log.error("%s; the certificate stays as it was", error)

    async def _run_syncs(self) -> None:
        """Makes durable what was committed with synchronous_commit = off, within moments."""
        loop = asyncio.get_running_loop()
        while not self.stopping.is_set():
            for database in self.cluster.databases():
                if database.store.wants_sync:
                    try:
                        await loop.run_in_executor(self.pool, database.store.sync)
                    except DatabaseError:
                        log.exception("sync failed, the database takes no writes any more")
            try:
                await asyncio.wait_for(self.stopping.wait(), JOB_INTERVAL_SECONDS)
            except TimeoutError:
                continue

    async def _run_jobs(self) -> None:
        """Background work of the stores, one job at a time. The other border where all errors are caught:
        a job that fails is logged and tried again; a failed fsync has closed its store to writes."""
        loop = asyncio.get_running_loop()
        while not self.stopping.is_set():
            ran = False
            for database in self.cluster.databases():
                for job in database.jobs():
                    if self.stopping.is_set():
                        return
                    try:
                        await loop.run_in_executor(self.pool, job.run, self.stopping.is_set)
                    except Exception:
                        log.exception("background job failed")
                        await asyncio.sleep(JOB_INTERVAL_SECONDS)
                    ran = True
            if not ran:
                try:
                    await asyncio.wait_for(self.stopping.wait(), JOB_INTERVAL_SECONDS)
                except TimeoutError:
                    continue


def serve(
    data_dir: str,
    host: str,
    port: int,
    password_verifiers: dict[str, str],
    storage: StorageSettings,
    engine_limits: EngineLimits,
    *,
    authentication_seconds: float = AUTHENTICATION_SECONDS,
    metrics_port: int | None = None,
    max_connections: int = MAX_CONNECTIONS,
    certificate: tuple[str, str] | None = None,
) -> None:
    """Opens the data directory and serves it until SIGTERM. certificate: the files of it and of its key, for TLS."""
    from sqlvec.exec.arrow_rows import warm as warm_rows
    from sqlvec.exec.copy_binary import warm as warm_copy
    from sqlvec.index.warm import warm, warm_codes
    from sqlvec.server.allocator import keep_freed_memory, leave_alone_what_lasts

    tls = load_tls(*certificate) if certificate is not None else None
    keep_freed_memory()
    warm()
    warm_rows()
    warm_copy()
    cluster = Cluster.open(
        Path(data_dir),
        password_verifiers=password_verifiers,
        storage=storage,
        engine_limits=engine_limits,
    )
    for quantization in quantizations(cluster):
        warm_codes(quantization)

    leave_alone_what_lasts()

    async def main() -> None:
        listener = Listener(
            cluster,
            needs_password=bool(password_verifiers),
            authentication_seconds=authentication_seconds,
            max_connections=max_connections,
            tls=tls,
        )
        stop: Callable[[], None] | None = None
        if metrics_port is not None:
            from sqlvec.server.metrics import serve_metrics

            bound, stop = serve_metrics(cluster, host, metrics_port)
            log.info("metrics at http://%s:%d/metrics", host, bound)
        await listener.serve(host, port)
        if stop is not None:
            stop()

    sys.setswitchinterval(SWITCH_SECONDS)
    uvloop.run(main())


def quantizations(cluster: Cluster) -> set[str]:
    """What indexes of the open databases may be walked by, but for the default."""
    found = {"bit"} if cluster.storage.index_memory_limit_bytes else set()
    for database in cluster.databases():
        for relation in database.store.catalog.relations.values():
            if isinstance(relation, Index) and "quantization" in relation.options:
                found.add(relation.options["quantization"].lower())
    return found
