"""make bench: both servers are loaded and asked; a table of ratios, JSON and plots come out."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import (
    analytics,
    filtered,
    ingest,
    plots,
    restart,
    rows,
    tenants,
    text,
    text_kernel,
    top10,
    updates,
)
from benchmarks.measure import Line
from benchmarks.servers import running_pair
from benchmarks.wordnet import Wordnet

RESULTS = Path(__file__).resolve().parent / "results"
ALONE = {"tenants", "restart"}  # asked of a server of its own, against limits


def run(data: Wordnet, only: set[str]) -> tuple[list[Line], dict[str, Any]]:
    """What is asked of both servers."""
    lines: list[Line] = []
    results: dict[str, Any] = {"rows": len(data.vectors), "dims": data.dims}

    def wanted(question: str) -> bool:
        return not only or question in only

    with running_pair() as pair:
        lines += ingest.run(pair, data)  # the others ask about what it loads
        if wanted("top10"):
            results["sweep"] = top10.sweep(pair, data)
            lines += top10.lines(results["sweep"])
            plots.plot_recall(results["sweep"], RESULTS / "recall.png")
        if wanted("filtered"):
            filter_lines = filtered.run(pair, data)
            lines += filter_lines
            plots.plot_selectivity(filter_lines, RESULTS / "selectivity.png")
        if wanted("text"):
            lines += text.run(pair, data, RESULTS)
        if wanted("ingest"):
            lines += ingest.run_indexed(pair, data)
        if wanted("rows"):
            lines += rows.run(pair)
        if wanted("updates"):
            lines += updates.run(pair)
        if wanted("analytics"):
            lines += analytics.run(pair)
    if wanted("text_kernel"):
        kernel_lines = text_kernel.run(data)
        lines += kernel_lines
        plots.plot_kernels(kernel_lines, RESULTS / "text_kernel.png")
    return lines, results


def table(lines: list[Line]) -> str:
    """The ratios as Markdown."""
    shown = ["| question | sqlvec | PostgreSQL + pgvector | ratio |", "|---|---|---|---|"]
    for line in lines:
        shown.append(f"| {line.question} | {line.sqlvec} | {line.pgvector} | {line.ratio:.1f}x |")
    return "\n".join(shown)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench ARGS=...")
    parser.add_argument("--rows", type=int, help="only the first so many documents")
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--restart-rows", type=int, default=1_000_000)
    questions = "top10, filtered, text, text_kernel, ingest, rows, updates, analytics, tenants, restart"
    parser.add_argument("--only", default="", help=f"some of {questions}")
    args = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    only = {word for word in args.only.split(",") if word}
    lines: list[Line] = []
    results: dict[str, Any] = {}
    if not only or only - ALONE:
        lines, results = run(Wordnet(args.rows, args.queries), only)
    if not only or "tenants" in only:
        lines += tenants.run(args.tenants)
    if not only or "restart" in only:
        lines += restart.run(args.restart_rows)
    results["lines"] = [asdict(line) for line in lines]
    (RESULTS / "results.json").write_text(json.dumps(results, indent=2))
    print(table(lines))


if __name__ == "__main__":
    main()
