"""`make bench`: every budget of the product beside its peer. Prints a table and writes build/bench.json.

Exit code 0 when everything was measured (whether or not each budget holds), 1 when a row failed, 2 for wrong usage.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from perf_rows import Benchmark
from perf_runner import ROOT, Outcome, Result, as_json, discover, measure_here, pick, run
from perf_table import line, machine, summary, table
from rich.console import Console

HERE = Path(__file__).resolve().parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmarks that the command line asks for."""
    options = _parser().parse_args(arguments)
    if options.measure:
        measure_here(options.measure, options.answer, options.folder, quick=options.quick)
        return 0
    progress = Console(stderr=True, highlight=False)
    picked = pick(discover(options.folder), options.only, slow=options.slow)
    if not picked:
        progress.print("no benchmark has such a name; `--list` names them all", markup=False)
        return 2
    if options.list:
        Console(highlight=False).print("\n".join(_names(picked)), markup=False)
        return 0
    output = options.output or ROOT / "build" / ("bench-quick.json" if options.quick else "bench.json")
    output.parent.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that a running child ends too
    results: list[Result] = []
    for measured in _measure(picked, options, progress):
        results += measured
        output.write_text(_text(results) + "\n")  # what is measured stays, whatever happens to the rest
    if options.json:
        print(_text(results))
    else:
        console = Console(highlight=False, width=None if sys.stdout.isatty() else 180)
        console.print(table(results, quick=options.quick))
        console.print(f"{summary(results)}. {machine()}. Written to {output}", markup=False, soft_wrap=True)
    return 1 if any(result.outcome is Outcome.FAILED for result in results) else 0


def _measure(
    picked: Sequence[Benchmark | Result], options: argparse.Namespace, progress: Console
) -> Iterator[list[Result]]:
    wanted: Callable[[str], bool] | None = options.only
    for entry in picked:
        if isinstance(entry, Result):
            yield [entry]
            continue
        progress.print(f"measuring {' · '.join(row.name for row in entry.rows)} …", markup=False, soft_wrap=True)
        measured = run(entry, options.folder, quick=options.quick)
        chosen = [result for result in measured if wanted is None or wanted(result.row.name)]
        for result in chosen:
            progress.print(f"  {line(result)}", markup=False, soft_wrap=True)
        yield chosen


def _text(results: Sequence[Result]) -> str:
    return json.dumps([as_json(result) for result in results], indent=2, allow_nan=False)


def _names(picked: Sequence[Benchmark | Result]) -> list[str]:
    return [row.name for entry in picked for row in (entry.rows if isinstance(entry, Benchmark) else (entry.row,))]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("--only", metavar="PATTERN", type=_pattern, help="rows whose name contains this (a regex)")
    parser.add_argument("--slow", action="store_true", help="the slow rows too")
    parser.add_argument("--quick", action="store_true", help="reduced sizes, to check that the rows work")
    parser.add_argument("--json", action="store_true", help="print JSON instead of the table")
    parser.add_argument("--list", action="store_true", help="name the rows and measure nothing")
    parser.add_argument("--output", type=Path, help="default build/bench.json, with --quick build/bench-quick.json")
    parser.add_argument("--folder", type=Path, default=HERE, help="where bench_*.py lie")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    return parser


def _pattern(text: str) -> Callable[[str], bool]:
    try:
        expression = re.compile(text, re.IGNORECASE)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not a pattern: {error}") from error
    return lambda name: expression.search(name) is not None


if __name__ == "__main__":
    sys.exit(main())
