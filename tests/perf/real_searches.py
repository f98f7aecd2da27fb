"""Searches on real images, by algorithm and seed: test mAP of the retrained winner, epochs spent, wall time.

    python tests/perf/real_searches.py --data DIR --weights FILE [--size 128 64] [--seeds 0 1 2 3 4] [--algorithms freeze-thaw tpe random] [--workers N]

Each search is `reid-tune space plan`, which tells how long it will take, `reid-tune run` with 12 trials of 9 epochs at most,
then `reid-tune best --retrain`. `tpe` and `random` train all their trials in full; `tpe` is Optuna's own sampler. Finished searches are kept (--results, by default
tests/perf/recorded/real_searches.jsonl) and not repeated.
Trials are processes of this one, so the CPU minutes of a search are those of its trials too, whatever else the machine does.
"""  # noqa: E501 - the usage is one line

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "recorded" / "real_searches.jsonl"
COMMAND = str(Path(sys.executable).with_name("reid-tune"))


def search(options: argparse.Namespace, algorithm: str, seed: int) -> dict[str, object]:
    """One study, new or continued, and its retrained winner."""
    name = f"real-{Path(options.data).name}-{algorithm}-{seed}"
    size = "[" + ",".join(map(str, options.size)) + "]"
    settings = {
        "MODEL.BACKBONE.NAME": options.backbone,
        "MODEL.BACKBONE.PRETRAIN_PATH": options.weights,
        "INPUT.SIZE_TRAIN": size,
        "INPUT.SIZE_TEST": size,
    }
    words = ["--space", options.space, "--data", options.data, "--trials", str(options.trials)]
    words += ["--max-epochs", str(options.epochs), "--seed", str(seed), "--algorithm", algorithm, "--name", name]
    words += ["--backend", "processes", "--workers", str(options.workers)]
    for key, value in settings.items():
        words += ["--set", key, value]
    found = next((one for one in _json(["studies", "ls", "--json"]) if one["name"] == name), None)
    planned = _json(["space", "plan", *words, "--json"])["seconds"] if found is None else None
    before = _cpu_seconds()
    if found is None:
        _run(["run", *words, "--no-mlflow"])
    elif found["status"] != "completed":  # this program was interrupted
        _run(["run", "--resume", name])
    study = _json(["status", name, "--json"])
    spent = _cpu_seconds() - before
    (best,) = _json(["best", name, "--retrain", "--epochs", str(options.retrain), "--json"])
    return {
        "data": Path(options.data).name,
        "algorithm": algorithm,
        "seed": seed,
        "test_mAP": best["metrics"]["mAP"],
        "epochs": study["epochs_spent"],
        # an interrupted search rested, and spent some before
        "seconds": study["ended_at"] - study["created_at"] if found is None else None,
        "planned_seconds": planned,
        "cpu_seconds": spent if found is None else None,
    }


def _cpu_seconds() -> float:
    """What the commands run so far took of the processors, with all that they started."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _run(words: list[str]) -> str:
    done = subprocess.run([COMMAND, *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"reid-tune {' '.join(words)} ended with {done.returncode}")
    return done.stdout


def _json(words: list[str]) -> Any:
    return json.loads(_run(words))


def known(results: Path) -> list[dict[str, object]]:
    """The searches done so far."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []


def table(rows: list[dict[str, object]]) -> str:
    """Markdown: one line for each data set and algorithm."""
    lines = [
        "| data | algorithm | seeds | test mAP, mean (each) | epochs | CPU minutes | minutes | planned, % of these |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for data, algorithm in sorted({(str(row["data"]), str(row["algorithm"])) for row in rows}):
        own = sorted(
            (row for row in rows if (row["data"], row["algorithm"]) == (data, algorithm)),
            key=lambda row: str(row["seed"]),
        )
        scores = [100 * float(str(row["test_mAP"])) for row in own]
        each = ", ".join(f"{score:.1f}" for score in scores)
        epochs = statistics.mean(float(str(row["epochs"])) for row in own)
        cpu, wall = _minutes(own, "cpu_seconds"), _minutes(own, "seconds")
        mean = statistics.mean(scores)
        parts = [data, algorithm, str(len(own)), f"{mean:.1f} ({each})", f"{epochs:.0f}", cpu, wall, _planned(own)]
        lines.append(f"| {' | '.join(parts)} |")
    return "\n".join(lines)


def _minutes(rows: list[dict[str, object]], key: str) -> str:
    """The mean of those that were measured: an interrupted search spent some before."""
    measured = [float(str(row[key])) / 60 for row in rows if row[key] is not None]
    return f"{statistics.mean(measured):.1f}" if measured else ""


def _planned(rows: list[dict[str, object]]) -> str:
    """Planned time over that of the study, where both were measured, in percent."""
    measured = [row for row in rows if row.get("planned_seconds") is not None and row["seconds"] is not None]
    shares = [100 * float(str(row["planned_seconds"])) / float(str(row["seconds"])) for row in measured]
    return ", ".join(f"{share:.0f}" for share in shares)


def main() -> None:
    """Run what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="folder of images")
    parser.add_argument("--weights", required=True, help="ImageNet weights of the backbone")
    parser.add_argument("--backbone", default="build_mobilenetv2_backbone")
    parser.add_argument("--space", default="bnneck.yaml")
    parser.add_argument("--size", type=int, nargs=2, default=(128, 64), metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=9, help="of a full run")
    parser.add_argument("--retrain", type=int, default=18, help="epochs of the winner's retraining")
    parser.add_argument("--workers", type=int, default=2, help="trials side by side")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--algorithms", nargs="+", default=["freeze-thaw", "tpe", "random"])
    parser.add_argument("--results", type=Path, default=RESULTS, metavar="FILE", help="of the searches done so far")
    options = parser.parse_args()
    options.results.parent.mkdir(exist_ok=True)
    for seed in options.seeds:
        for algorithm in options.algorithms:
            own = {"data": Path(options.data).name, "algorithm": algorithm, "seed": seed}
            if not any(own.items() <= row.items() for row in known(options.results)):
                with options.results.open("a") as out:
                    out.write(json.dumps(search(options, algorithm, seed)) + "\n")
    print(table(known(options.results)))


if __name__ == "__main__":
    main()
