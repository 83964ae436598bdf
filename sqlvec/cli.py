"""The command line: serve, demo, check, version. Imports wait until a command needs them."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import sys
from typing import TypeAlias

from sqlvec import __version__

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the console script; returns the exit status."""
    parser = argparse.ArgumentParser(prog="sqlvec", description="Hybrid search over the PostgreSQL protocol.")
    commands = parser.add_subparsers(dest="command", required=True)
    _add_serve(commands)
    _add_demo(commands)
    _add_check(commands)
    commands.add_parser("version", help="print the version")
    args = parser.parse_args(arguments)
    return {"serve": _serve, "demo": _demo, "check": _check, "version": _version}[args.command](args)


def _add_serve(commands: Commands) -> None:
    serve = commands.add_parser("serve", help="serve a data directory")
    serve.add_argument("--data-dir", default="./sqlvec-data")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=5432)
    for kind, default in (("warning", 80), ("readonly", 90)):
        serve.add_argument(
            f"--disk-use-{kind}-percentage", type=int, default=default, metavar="N",
            help=f"{'warn' if kind == 'warning' else 'refuse writes'} when the disk is so full",
        )  # fmt: skip
    serve.add_argument(
        "--retention", default="0", metavar="TIME",
        help="keep old rows so long, to be read AS OF a time; for example 1h (default: not at all)",
    )  # fmt: skip
    serve.add_argument(
        "--authentication-timeout", type=float, default=60.0, metavar="SECONDS",
        help="how long a client may take to start a session",
    )  # fmt: skip
    serve.add_argument(
        "--max-connections", type=int, default=1_000, metavar="N",
        help="more sessions at once are refused",
    )  # fmt: skip
    serve.add_argument(
        "--metrics-port", type=int, metavar="N", help="serve metrics for Prometheus there, over HTTP"
    )
    serve.add_argument(
        "--blob-directory", default="", metavar="DIR",
        help="where the files of offloaded tenants go (default: a folder of the data directory)",
    )  # fmt: skip
    serve.add_argument(
        "--shard-idle-seconds", type=float, default=300.0, metavar="N",
        help="a tenant that was not used for so long holds no memory and no file",
    )  # fmt: skip
    serve.add_argument(
        "--open-shards-max", type=int, default=1000, metavar="N",
        help="of more tenants, those used longest ago hold no memory and no file",
    )  # fmt: skip
    serve.add_argument(
        "--flat-to-hnsw-rows", type=int, default=4_000, metavar="N",
        help="a tenant with so many rows gets a graph, a smaller one is scanned exactly",
    )  # fmt: skip
    serve.add_argument(
        "--index-memory-limit", default="0", metavar="SIZE",
        help="give the largest vector indexes bit codes where all take more; for example 4GB (default: no limit)",
    )  # fmt: skip
    serve.add_argument(
        "--memory-limit", default="4GB", metavar="SIZE",
        help="what sorts, joins and groups of one database may take before they go to disk, or fail",
    )  # fmt: skip
    serve.add_argument(
        "--temp-file-limit", default="-1", metavar="SIZE",
        help="what they may put on disk (default: nine tenths of what is free)",
    )  # fmt: skip
    serve.add_argument(
        "--segment-io", choices=("mmap", "pread"), default="mmap",
        help="how files of rows are read: mapped, or by pread into the server's own memory",
    )  # fmt: skip
    serve.add_argument(
        "--memtable-stall", default="256MB", metavar="SIZE",
        help="who writes to a table waits while more of its rows wait to be flushed",
    )  # fmt: skip
    for kind, default, what in (
        ("segments", 500, "segments of it wait to be merged"),
        ("unlinked-rows", 4_000_000, "rows of it wait to be linked"),
    ):
        serve.add_argument(
            f"--{kind}-stall", type=int, default=default, metavar="N",
            help=f"who writes to a table waits while more {what}",
        )  # fmt: skip
    serve.add_argument("--password-file", help="a file with the password of user postgres")
    for kind, what in (("cert", "the certificate, and those between it and its authority"),
                       ("key", "the certificate's private key")):  # fmt: skip
        serve.add_argument(
            f"--ssl-{kind}-file", default="", metavar="FILE",
            help=f"a PEM file with {what}; clients may use TLS then",
        )  # fmt: skip


def _add_demo(commands: Commands) -> None:
    demo = commands.add_parser("demo", help="load the sample and answer queries")
    demo.add_argument("--once", action="store_true", help="end after the queries")
    demo.add_argument("--port", type=int, default=0)
    demo.add_argument("--data-dir")


def _add_check(commands: Commands) -> None:
    check = commands.add_parser("check", help="verify a data directory that no server uses")
    check.add_argument("directory")
    check.add_argument("--blob-directory", default="", metavar="DIR", help="as it is given to serve")
    check.add_argument("--segment-io", choices=("mmap", "pread"), default="mmap", help="as it is given to serve")
    check.add_argument(
        "--stats", action="store_true",
        help="print what each shard holds, and the false positives of its bloom filters, as measured",
    )  # fmt: skip


def _version(args: argparse.Namespace) -> int:
    print(f"sqlvec {__version__}")
    return 0


def _serve(args: argparse.Namespace) -> int:
    from sqlvec.errors import DatabaseError
    from sqlvec.exec.relational import EngineLimits
    from sqlvec.server.listener import serve
    from sqlvec.settings import SessionSettings
    from sqlvec.storage.settings import StorageSettings

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    verifiers = {}
    if args.password_file:
        verifiers["postgres"] = _verifier(args.password_file)
    elif not _is_loopback(args.host):
        print(
            f"sqlvec: refusing to listen on {args.host} without a password; give --password-file",
            file=sys.stderr,
        )
        return 1
    if bool(args.ssl_cert_file) != bool(args.ssl_key_file):
        print("sqlvec: --ssl-cert-file and --ssl-key-file go together", file=sys.stderr)
        return 1
    certificate = (args.ssl_cert_file, args.ssl_key_file) if args.ssl_cert_file else None
    checked = SessionSettings().checked
    try:
        storage = StorageSettings(
            retention_us=int(checked("sqlvec.retention", args.retention)) * 1000,
            disk_use_warning_percentage=args.disk_use_warning_percentage,
            disk_use_readonly_percentage=args.disk_use_readonly_percentage,
            blob_directory=args.blob_directory,
            shard_idle_seconds=args.shard_idle_seconds,
            open_shards_max=args.open_shards_max,
            index_memory_limit_bytes=int(
                checked("sqlvec.index_memory_limit", args.index_memory_limit)
            )
            << 10,
            segment_io=args.segment_io,
            memtable_bytes_stall=int(checked("sqlvec.memtable_stall", args.memtable_stall)) << 10,
            flat_to_hnsw_rows=int(
                checked("sqlvec.flat_to_hnsw_rows", str(args.flat_to_hnsw_rows))
            ),
            segments_stall=int(checked("sqlvec.segments_stall", str(args.segments_stall))),
            unlinked_rows_stall=int(
                checked("sqlvec.unlinked_rows_stall", str(args.unlinked_rows_stall))
            ),
        )
        limits = EngineLimits(
            int(checked("sqlvec.memory_limit", args.memory_limit)),
            int(checked("temp_file_limit", args.temp_file_limit)),
        )
        serve(
            args.data_dir, args.host, args.port, verifiers, storage, limits,
            authentication_seconds=args.authentication_timeout, metrics_port=args.metrics_port,
            max_connections=args.max_connections, certificate=certificate,
        )  # fmt: skip
    except DatabaseError as error:
        print(f"sqlvec: {error.message}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"sqlvec: {error}", file=sys.stderr)
        return 1
    return 0


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _verifier(path: str) -> str:
    """The SCRAM verifier of the password in the file's first line."""
    import secrets
    from pathlib import Path

    from sqlvec.pgwire.scram import make_verifier

    password = Path(path).read_text().splitlines()[0]
    return make_verifier(password, secrets.token_bytes(16)).render()


def _demo(args: argparse.Namespace) -> int:
    from sqlvec.demo import run

    return run(args)


def _check(args: argparse.Namespace) -> int:
    from pathlib import Path

    from sqlvec.storage.check import verify
    from sqlvec.storage.seams import FileBlobs
    from sqlvec.storage.statistics import read_statistics
    from sqlvec.storage.vfs import OsFs

    failed = 0
    elsewhere, segment_io = args.blob_directory, args.segment_io
    blobs = FileBlobs(OsFs(elsewhere, segment_io=segment_io)) if elsewhere else None
    root = Path(args.directory)
    folders = sorted(p for p in (root / "databases").glob("*") if p.is_dir()) or [root]
    for folder in folders:
        vfs = OsFs(str(folder), segment_io=segment_io)
        findings = list(verify(vfs, blobs))
        for finding in findings:
            print(f"{folder.name}: {finding}")
        failed += len(findings)
        if args.stats and not any(finding.severity == "damage" for finding in findings):
            for shard in read_statistics(vfs):
                print("\n".join(f"{folder.name}: {line}" for line in shard.render()))
    print(f"{len(folders)} database(s) checked, {failed} finding(s)")
    return 1 if failed else 0
