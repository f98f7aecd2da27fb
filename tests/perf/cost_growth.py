"""What a controller costs as studies grow: CPU seconds a trial, memory, store size. Prints a table, draws a plot.

python tests/perf/cost_growth.py --plot docs/images/cost-growth.svg
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
SIZES = (100, 1_000, 10_000)


def main(arguments: list[str] | None = None) -> None:
    """Measure each size in a process of its own: peak memory is a process's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--trials", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--workers", type=int, default=256, metavar="N")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="an .svg or .png file")
    options = parser.parse_args(arguments)
    costs = [_measured(trials, options.workers) for trials in options.trials]
    table = Table("trials", "segments", "epochs", "busy %", "CPU ms a trial", "memory MB", "store MB", "seconds")
    for one in costs:
        table.add_row(
            f"{one['trials']:,}",
            f"{one['segments']:,}",
            f"{one['epochs']:,}",
            f"{100 * one['busy']:.1f}",
            f"{1e3 * one['cpu_seconds'] / one['trials']:.1f}",
            f"{one['megabytes']:.0f}",
            f"{one['store_megabytes']:.1f}",
            f"{one['wall_seconds']:.0f}",
        )
    Console().print(table)
    if options.plot is not None:
        _draw(costs, options.plot)


def _measured(trials: int, workers: int) -> dict[str, float]:
    code = (
        "import json, sys; from dataclasses import asdict; from pathlib import Path\n"
        "from bench_scale import measure_study\n"
        "folder, trials, workers = sys.argv[1:]\n"
        "cost = measure_study(Path(folder), trials=int(trials), workers=int(workers))\n"
        "print(json.dumps(asdict(cost)))"
    )
    with tempfile.TemporaryDirectory(prefix="reid-cost-") as folder:
        done = subprocess.run(
            [sys.executable, "-c", code, folder, str(trials), str(workers)],
            cwd=HERE,
            env=_one_thread(),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _one_thread() -> dict[str, str]:
    path = os.pathsep.join([str(HERE), str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}


def _draw(costs: list[dict[str, float]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    trials = [one["trials"] for one in costs]
    panels = (
        ("CPU of the controller, ms a trial", [1e3 * one["cpu_seconds"] / one["trials"] for one in costs]),
        ("peak memory, MB", [one["megabytes"] for one in costs]),
        ("store, MB", [one["store_megabytes"] for one in costs]),
    )
    figure, axes = plt.subplots(1, len(panels), figsize=(10, 3), layout="constrained")
    for place, (title, values) in zip(axes, panels, strict=True):
        place.plot(trials, values, marker="o", color="#2563eb")
        place.set(title=title, xscale="log", xlabel="trials", ylim=(0, None))
        place.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)


if __name__ == "__main__":
    main()
