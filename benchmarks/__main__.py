"""make bench: both servers are loaded and asked; a table of ratios, JSON and plots come out."""

from __future__ import annotations

import argparse
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks import (
    analytics,
    filtered,
    ingest,
    million,
    plots,
    restart,
    rows,
    tenants,
    text,
    text_kernel,
    tools,
    top10,
    updates,
    vector_kernel,
    writing,
)
from benchmarks.measure import Line
from benchmarks.servers import running_pair
from benchmarks.sweep import curves
from benchmarks.wordnet import Wordnet

RESULTS = Path(__file__).resolve().parent / "results"
PAIRED = (
    "top10",
    "filtered",
    "text",
    "ingest",
    "rows",
    "updates",
    "analytics",
    "tools",
)  # asked of both servers
IN_PROCESS = ("vector_kernel", "text_kernel")  # asked of libraries
ALONE = ("writing", "tenants", "restart")  # asked of a server of its own, against limits
USUAL = (*PAIRED, *IN_PROCESS, *ALONE)
LARGE = ("million",)  # only when named: PostgreSQL needs minutes to build its index
QUESTIONS = (*USUAL, *LARGE)


class Report:
    """What was found so far, kept after every question."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.results: dict[str, Any] = {}
        self.started = perf_counter()

    def add(self, lines: list[Line], **results: Any) -> None:
        for line in lines:
            minutes = (perf_counter() - self.started) / 60
            print(f"{minutes:.1f} min  {line.question}: {times(line.ratio)}", file=sys.stderr)
        self.lines += lines
        self.results |= results
        kept = self.results | {"lines": [asdict(line) for line in self.lines]}
        (RESULTS / "results.json").write_text(json.dumps(kept, indent=2))

    def table(self) -> str:
        """The ratios as Markdown."""
        shown = ["| question | sqlvec | PostgreSQL + pgvector, or another | ratio | goal |"]
        shown.append("|---|---|---|---|---|")
        for line in self.lines:
            goal = "" if line.goal is None else f"{line.goal:g}x"
            cells = (line.question, line.sqlvec, line.pgvector, times(line.ratio), goal)
            shown.append(f"| {' | '.join(cells)} |")
        return "\n".join(shown)


def times(ratio: float) -> str:
    """Two digits where it is close, none where it is not."""
    if math.isnan(ratio):
        return "-"
    return f"{ratio:.2f}x" if ratio < 10 else f"{ratio:.0f}x"


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("--rows", type=int, help="only the first so many documents")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--restart-rows", type=int, default=1_000_000)
    parser.add_argument("--million-rows", type=int, default=1_000_000)
    told = f"some of {', '.join(USUAL)}; or {', '.join(LARGE)}, which nobody is asked otherwise"
    parser.add_argument("--only", type=questions, default=frozenset(USUAL), help=told)
    args = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    report = Report()
    if args.only.intersection((*PAIRED, *IN_PROCESS, "writing")):
        data = Wordnet(args.rows, args.queries)
        report.add([], rows=len(data.vectors), dims=data.dims)
        if args.only.intersection(PAIRED):
            ask_pair(report, data, args.only)
        ask_in_process(report, data, args.only)
        if "writing" in args.only:
            report.add(writing.run(data))
    if "tenants" in args.only:
        report.add(tenants.run(args.tenants))
    if "restart" in args.only:
        report.add(restart.run(args.restart_rows))
    if "million" in args.only:
        lines, points = million.run(args.million_rows, args.queries)
        report.add(lines, million=points)
        plots.plot_recall(curves(points), RESULTS / "million.png")
    print(report.table())


def questions(text: str) -> frozenset[str]:
    """The names in a list with commas."""
    names = frozenset(word.strip() for word in text.split(",") if word.strip())
    unknown = names.difference(QUESTIONS)
    if unknown or not names:
        raise argparse.ArgumentTypeError(
            f"{', '.join(sorted(unknown)) or 'nothing'} is no question"
        )
    return names


def ask_pair(report: Report, data: Wordnet, wanted: frozenset[str]) -> None:
    """What is asked of both servers."""
    with running_pair() as pair:
        report.add(ingest.run(pair, data))  # the others ask about what it loads
        if "top10" in wanted:
            lines, points = top10.run(pair, data)
            report.add(lines, **points)
            drawn = curves(points["sweep"]) | curves(points["connections"], "{}, 8 connections")
            plots.plot_recall(drawn | curves(points["text"], "{}, text"), RESULTS / "recall.png")
        if "filtered" in wanted:
            lines = filtered.run(pair, data)
            report.add(lines)
            plots.plot_selectivity(lines, RESULTS / "selectivity.png")
        if "text" in wanted:
            report.add(text.run(pair, data, RESULTS))
        if "ingest" in wanted:
            report.add(ingest.run_indexed(pair, data))
        if "rows" in wanted:
            report.add(rows.run(pair))
        if "updates" in wanted:
            report.add(updates.run(pair))
        if "analytics" in wanted:
            report.add(analytics.run(pair))
        if "tools" in wanted:
            report.add(tools.run(pair))


def ask_in_process(report: Report, data: Wordnet, wanted: frozenset[str]) -> None:
    """What is asked of libraries, and compared with what the server did before."""
    if "vector_kernel" in wanted:
        known = report.results if "sweep" in report.results else {}
        lines, points = vector_kernel.run(data, known)
        report.add(lines, vector_kernel=points)
        drawn = curves(points) | curves(known.get("sweep", []), "{} (server)")
        plots.plot_recall(drawn, RESULTS / "vector_kernel.png")
    if "text_kernel" in wanted:
        lines = text_kernel.run(data)
        report.add(lines)
        plots.plot_kernels(lines, RESULTS / "text_kernel.png")


if __name__ == "__main__":
    main()
