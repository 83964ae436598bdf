"""Metrics for Prometheus, served over HTTP in a thread of its own; what they say is gathered when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from sqlvec.database import Cluster, Database

_INDEX = ("database", "table", "index", "tenant")


class ClusterCollector(Collector):
    """Reads the open databases of a cluster."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def collect(self) -> Iterator[GaugeMetricFamily]:
        connections = GaugeMetricFamily(
            "sqlvec_connections", "Sessions.", labels=("database",)
        )
        waiting = GaugeMetricFamily(
            "sqlvec_index_rows_waiting", "Committed rows that are not linked yet.", labels=_INDEX
        )
        recall = GaugeMetricFamily(
            "sqlvec_index_recall",
            "Mean recall of the last searches that were repeated exactly.",
            labels=_INDEX,
        )
        sampled = GaugeMetricFamily(
            "sqlvec_index_searches_sampled", "Searches repeated exactly.", labels=_INDEX
        )
        for database in self._cluster.databases():
            connections.add_metric((database.name,), len(database.connections))
            for queued in database.store.index_queue():
                waiting.add_metric(_labels(database, queued), queued.rows_waiting)
            for measured in database.store.index_recall():
                labels, meter = _labels(database, measured), measured.meter
                sampled.add_metric(labels, meter.sampled)
                if meter.recall is not None:
                    recall.add_metric(labels, meter.recall)
        yield from (connections, waiting, recall, sampled)


def _labels(database: Database, of: Any) -> tuple[str, ...]:
    relations = database.store.catalog.relations
    names = [relations[oid].name if oid in relations else "" for oid in (of.table_oid, of.index_oid)]
    return (database.name, *names, of.tenant)


def serve_metrics(cluster: Cluster, host: str, port: int) -> tuple[int, Callable[[], None]]:
    """The port, which is a free one when 0 was asked for, and what stops it."""
    registry = CollectorRegistry()
    registry.register(ClusterCollector(cluster))
    server, thread = start_http_server(port, host, registry)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return server.server_port, stop
