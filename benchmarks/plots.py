"""Pictures of what was measured: recall against rate, rate against selectivity, quality against rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.measure import SERVERS, Line
from benchmarks.sweep import Curves

KINDS = {"random": "o-", "correlated": "^--", "anti-correlated": "v:", "natural": "x"}


def plot_recall(curves: Curves, path: Path) -> None:
    figure, axes = _axes("recall@10", "queries/s")
    for name, points in curves.items():
        axes.plot([r for r, _ in points], [q for _, q in points], marker=".", label=name)
    axes.legend(fontsize=7)
    figure.savefig(path)


def plot_selectivity(lines: list[Line], path: Path) -> None:
    """A curve for each server and kind of filter; WordNet's own columns are points."""
    figure, axes = _axes("share of the rows that match", "queries/s")
    for color, name in enumerate(SERVERS):
        for kind, style in KINDS.items():
            some = [line.detail for line in lines if line.detail["kind"] == kind]
            places = sorted((detail["share"], detail["rates"][name]) for detail in some)
            found = [share for share, _ in places], [rate for _, rate in places]
            axes.plot(*found, style, color=f"C{color}", label=f"{name}, {kind}")
    axes.set_xscale("log")
    axes.legend(fontsize=7)
    figure.savefig(path)


def plot_quality(lines: list[Line], path: Path) -> None:
    """What a text or hybrid search finds against how many of them a second answers."""
    figure, axes = _axes("nDCG@10", "queries/s")
    for name in SERVERS:
        found = [(line.detail["ndcg"][name], line.detail["rates"][name]) for line in lines]
        axes.scatter([quality for quality, _ in found], [rate for _, rate in found], label=name)
        for line, place in zip(lines, found, strict=True):
            axes.annotate(line.question.partition(",")[0], place, fontsize=6)
    axes.legend()
    figure.savefig(path)


def plot_kernels(lines: list[Line], path: Path) -> None:
    """Queries a second of each engine, a group for each collection."""
    groups: dict[str, dict[str, float]] = {}
    for line in lines:
        if "rates" in line.detail:
            groups.setdefault(line.detail["collection"], {}).update(line.detail["rates"])
    figure, axes = _axes("", "queries/s")
    engines = list(dict.fromkeys(name for rates in groups.values() for name in rates))
    width = 0.8 / len(engines)
    for place, engine in enumerate(engines):
        heights = [rates.get(engine, 0.0) for rates in groups.values()]
        axes.bar([i + place * width for i in range(len(groups))], heights, width, label=engine)
    axes.set_xticks([i + 0.4 - width / 2 for i in range(len(groups))], list(groups))
    axes.legend()
    figure.savefig(path)


def _axes(x: str, y: str) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(layout="constrained")
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_yscale("log")
    return figure, axes
