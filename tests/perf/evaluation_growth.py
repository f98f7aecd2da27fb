"""What ranking a query costs as the gallery grows, beside the bare matrix product. Prints a table, draws a plot.

python tests/perf/evaluation_growth.py --plot docs/images/evaluation-growth.svg
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
SIZES = (2_000, 4_000, 8_000, 16_000, 32_000)


def main(arguments: list[str] | None = None) -> None:
    """Measure each size in a process of its own: peak memory is a process's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--galleries", type=int, nargs="+", default=SIZES, metavar="N")
    parser.add_argument("--queries", type=int, default=1_024, metavar="N")
    parser.add_argument("--times", type=int, default=3, metavar="N", help="the fastest of so many is taken")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="an .svg or .png file")
    options = parser.parse_args(arguments)
    costs = [_measured(gallery, options.queries, options.times) for gallery in options.galleries]
    table = Table("gallery", "ms a query", "product alone", "ratio", "memory MB", "of which features")
    for one in costs:
        table.add_row(
            f"{one['gallery']:,.0f}",
            f"{one['ranking']:.3f}",
            f"{one['product']:.3f}",
            f"{one['ranking'] / one['product']:.2f}",
            f"{one['megabytes']:.0f}",
            f"{one['features']:.0f}",
        )
    Console().print(table)
    if options.plot is not None:
        _draw(costs, options.plot)


def _measured(gallery: int, queries: int, times: int) -> dict[str, float]:
    code = (
        "import json, sys\n"
        "from bench_evaluation import gallery_cost\n"
        "from perf_rows import peak_megabytes\n"
        "gallery, queries, times = map(int, sys.argv[1:])\n"
        "sample = gallery_cost(gallery, queries, times)\n"
        "print(json.dumps({'ranking': sample.values[0], 'product': sample.peers[0], 'megabytes': peak_megabytes()}))"
    )
    path = os.pathsep.join([str(HERE), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", code, str(gallery), str(queries), str(times)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "gallery": gallery, "features": (gallery + queries) * 2_048 * 4 / 1e6}


def _draw(costs: list[dict[str, float]], path: Path) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "evaluation-growth"
    from matplotlib import pyplot as plt

    sizes = [one["gallery"] for one in costs]
    figure, (time, memory) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    time.plot(sizes, [one["ranking"] for one in costs], marker="o", color="#2563eb", label="features to metrics")
    time.plot(sizes, [one["product"] for one in costs], marker="s", color="#6b7280", label="matrix product alone")
    time.set(title="CPU time of a query, ms", xlabel="gallery images")
    memory.plot(sizes, [one["megabytes"] for one in costs], marker="o", color="#2563eb", label="whole process")
    memory.plot(sizes, [one["features"] for one in costs], marker="s", color="#6b7280", label="features alone")
    memory.set(title="peak memory, MB", xlabel="gallery images")
    for place in (time, memory):
        place.set(xlim=(0, None), ylim=(0, None))
        place.grid(alpha=0.3)
        place.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
