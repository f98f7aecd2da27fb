"""What distillation is worth on real images: a student alone, + JS, + overhaul, + both, over seeds, on the test split.

    python tests/perf/distillation_table.py --data DIR [DIR ...] --teacher-weights FILE
        [--teacher build_mobilenetv2_backbone 1.0x 1280] [--student build_osnet_backbone x0_25 128] [--seeds 0 1 2]
        [--teacher-size 256 128] [--size 128 64] [--teacher-epochs 60] [--epochs 60] [--set KEY VALUE] [--rows ...]

The teacher of a data set is trained once, with seed 0, from ImageNet weights; students begin with random ones. All are
trained on all training identities and measured once, after their last epoch, on query and gallery. What is done is kept
in build/distillation_table.jsonl, by everything that it depends on, and not repeated; an interrupted training goes on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from reid_core import api
from reid_core.config import Config, load_config, parse_value, to_values

BUILD = Path(__file__).resolve().parents[2] / "build"
RESULTS = BUILD / "distillation_table.jsonl"
FOLDER = BUILD / "distillation"

ALONE = {"KD.LOGITS.SCALE": 0.0, "KD.OVERHAUL.SCALE": 0.0}
ROWS: dict[str, dict[str, float]] = {
    "student alone": {},
    "+ JS": {"KD.LOGITS.SCALE": 1.0},
    "+ overhaul": {"KD.OVERHAUL.SCALE": 1.0},
    "+ JS + overhaul": {"KD.LOGITS.SCALE": 1.0, "KD.OVERHAUL.SCALE": 1.0},
}
TEACHER = "teacher"


def configured(options: argparse.Namespace, data: str, own: Mapping[str, object]) -> Config:
    """A configuration with what teacher and students have in common, then `own`, then --set."""
    settings: dict[str, object] = {
        "DATASETS.ROOT": str(Path(data).resolve()),
        "SOLVER.IMS_PER_BATCH": options.batch,
        "TEST.EVAL_PERIOD": 0,
        "SOLVER.CHECKPOINT_PERIOD": 5,
        **own,
        **{key: parse_value(text) for key, text in options.settings},
    }
    return load_config(options.recipe, list(settings.items())).config


def network(name: str, depth: str, width: str, size: list[int], epochs: int) -> dict[str, object]:
    """The keys of a network, its images, and how long it is trained."""
    return {
        "MODEL.BACKBONE.NAME": name,
        "MODEL.BACKBONE.DEPTH": depth,
        "MODEL.BACKBONE.FEAT_DIM": int(width),
        "INPUT.SIZE_TRAIN": size,
        "INPUT.SIZE_TEST": size,
        **scaled(epochs),
    }


def scaled(epochs: int) -> dict[str, object]:
    """A cosine schedule of `epochs` epochs, a tenth of them warm-up."""
    return {
        "SOLVER.MAX_EPOCH": epochs,
        "SOLVER.SCHED": "CosineAnnealingLR",
        "SOLVER.DELAY_EPOCHS": 0,
        "SOLVER.WARMUP_EPOCHS": epochs / 10,
    }


def teacher_config(options: argparse.Namespace, data: str) -> Config:
    """The teacher of one data set."""
    own = network(*options.teacher, options.teacher_size, options.teacher_epochs)
    if options.teacher_weights:
        own["MODEL.BACKBONE.PRETRAIN_PATH"] = str(Path(options.teacher_weights).resolve())
    return configured(options, data, own)


def student_config(options: argparse.Namespace, data: str, row: str, teacher: Path) -> Config:
    """The student of a row."""
    own = network(*options.student, options.size, options.epochs) | ALONE | ROWS[row]
    if ROWS[row]:
        own["KD.MODEL_WEIGHTS"] = [str(teacher)]
    return configured(options, data, own)


def known() -> dict[str, dict[str, object]]:
    """The trainings done so far, by their key."""
    lines = RESULTS.read_text().splitlines() if RESULTS.exists() else []
    return {str(row["key"]): row for row in map(json.loads, lines)}


def key_of(config: Config, seed: int, teacher: str = "") -> str:
    """Changes with everything that a training depends on; `teacher` is the key of who teaches."""
    places = {"KD.MODEL_WEIGHTS", "DATALOADER.CACHE_DIR", "DATALOADER.NUM_WORKERS"}
    values = {key: value for key, value in to_values(config).items() if key not in places}
    return hashlib.sha256(json.dumps([values, seed, teacher], sort_keys=True).encode()).hexdigest()[:16]


def trained(options: argparse.Namespace, config: Config, key: str, labels: Mapping[str, object], seed: int) -> None:
    """Train and measure, where that is not done; the result is a line of RESULTS."""
    if key in known():
        return
    directory, began = FOLDER / key, time.perf_counter()
    start = api.newest_checkpoint(directory)
    result = api.train(config, directory=directory, checkpoint=start, seed=seed, threads=options.threads)
    assert result.checkpoint is not None
    row = {
        **labels,
        "key": key,
        "seed": seed,
        "epochs": result.epoch,
        "continued": start is not None,
        "seconds": time.perf_counter() - began,
        "metrics": {name: result.metrics[name] for name in ("mAP", "mINP", "rank1", "loss") if name in result.metrics},
        "checkpoint": str(result.checkpoint.path),
    }
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    with RESULTS.open("a", encoding="utf-8") as out:
        out.write(json.dumps(row) + "\n")
    print(f"{labels['data']}: {labels['row']}, seed {seed}: mAP {100 * result.metrics['mAP']:.1f}", flush=True)


def measure(options: argparse.Namespace) -> list[dict[str, object]]:
    """All trainings of the table, seed by seed so that an interrupted one compares what it has."""
    wanted: list[str] = []
    for data in options.data:
        labels = {"data": Path(data).name}
        config = teacher_config(options, data)
        teacher = key_of(config, 0)
        trained(options, config, teacher, {**labels, "row": TEACHER}, 0)
        wanted.append(teacher)
        weights = Path(str(known()[teacher]["checkpoint"]))
        for seed in options.seeds:
            for row in options.rows:
                config = student_config(options, data, row, weights)
                key = key_of(config, seed, teacher if ROWS[row] else "")
                trained(options, config, key, {**labels, "row": row}, seed)
                wanted.append(key)
    done = known()
    return [done[key] for key in wanted]


def table(results: list[dict[str, object]]) -> str:
    """Markdown: a line for each data set and row; the gain is that of the means over the student alone."""
    lines = ["| data | | seeds | test mAP, mean ± deviation (each) | rank-1 | gain |", "|---|---|---|---|---|---|"]
    for data in dict.fromkeys(str(one["data"]) for one in results):
        own = [one for one in results if one["data"] == data]
        alone = _values(own, "student alone", "mAP")
        for row in dict.fromkeys(str(one["row"]) for one in own):
            scores, first = _values(own, row, "mAP"), _values(own, row, "rank1")
            each = ", ".join(f"{score:.1f}" for score in scores)
            spread = f" ± {statistics.stdev(scores):.1f}" if len(scores) > 1 else ""
            gain = f"{statistics.mean(scores) - statistics.mean(alone):+.1f}" if alone and row.startswith("+") else ""
            mean = f"{statistics.mean(scores):.1f}{spread} ({each})"
            lines.append(f"| {data} | {row} | {len(scores)} | {mean} | {statistics.mean(first):.1f} | {gain} |")
    return "\n".join(lines)


def _values(rows: list[dict[str, object]], row: str, metric: str) -> list[float]:
    found: list[float] = []
    for one in rows:
        metrics = one["metrics"]
        if one["row"] == row and isinstance(metrics, dict):
            found.append(100 * float(metrics[metric]))
    return found


def parsed(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", nargs="+", required=True, metavar="DIR")
    parser.add_argument("--recipe", default="bnneck")
    parser.add_argument("--teacher", nargs=3, metavar=("NAME", "DEPTH", "WIDTH"))
    parser.add_argument("--teacher-weights", default="", metavar="FILE", help="ImageNet weights of its backbone")
    parser.add_argument("--teacher-size", nargs=2, type=int, default=[256, 128], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--teacher-epochs", type=int, default=60)
    parser.add_argument("--student", nargs=3, metavar=("NAME", "DEPTH", "WIDTH"))
    parser.add_argument("--size", nargs=2, type=int, default=[128, 64], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--set", nargs=2, action="append", default=[], dest="settings", metavar=("KEY", "VALUE"))
    parser.add_argument("--threads", type=int, default=1)
    parser.set_defaults(
        teacher=["build_mobilenetv2_backbone", "1.0x", "1280"], student=["build_osnet_backbone", "x0_25", "128"]
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    print(table(measure(parsed())))
