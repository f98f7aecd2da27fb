"""The folder in which a page is followed: photos and data sets, small recipes, the catalog's spaces made short."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Callable

import true_layouts
from page_shell import Shell
from PIL import Image

from reid_core.config.shipped import recipes
from search_spaces import catalog

__all__ = ["attributes", "by_camera", "layouts", "photos", "short_recipes", "small_recipes", "small_spaces"]

_RECIPE = """\
_BASE_: {file}
DATASETS: {{ROOT: {data}, VAL_FRACTION: 0.25}}
MODEL:
  BACKBONE: {{NAME: build_mobilenetv2_backbone, DEPTH: 0.5x, FEAT_DIM: 1280, WITH_IBN: false, WITH_NL: false}}
  QUEUE_SIZE: 64
INPUT: {{SIZE_TRAIN: [32, 32], SIZE_TEST: [32, 32], PADDING: {{SIZE: 2}}}}
"""
_LONG = """\
SOLVER: {IMS_PER_BATCH: 32}
DATALOADER: {NUM_WORKERS: 0}
"""
_SHORT = """\
SOLVER: {IMS_PER_BATCH: 8, MAX_EPOCH: 2, WARMUP_EPOCHS: 0, DELAY_EPOCHS: 0, FREEZE_ITERS: 0, STEPS: [1]}
DATALOADER: {NUM_WORKERS: 0, NUM_INSTANCE: 2}
"""


def by_person(pid: int, _camera: int, number: int) -> str:
    """A folder a person: 1/0001.jpg."""
    return f"{pid}/{number:04d}.jpg"


def by_camera(pid: int, camera: int, number: int) -> str:
    """All in the name, counted from 0: 00_c0_0.png."""
    return f"{pid - 1:02d}_c{camera - 1}_{number}.png"


def photos(shell: Shell, name: str, called: Callable[[int, int, int], str] = by_person) -> None:
    """Photos of 24 people to train on and 8 to test with, in the folder `name`, with their manifest."""
    shell.run("reid-tune data example drawn --identities 24 --test-identities 8 --cameras 2 --images 2")
    drawn, folder, numbers = shell.folder / "drawn", shell.folder / name, dict[str, int]()
    rows = list(csv.DictReader((drawn / "manifest.csv").read_text("utf-8").splitlines()))
    for row in rows:
        number = numbers[row["pid"]] = numbers.get(row["pid"], -1) + 1
        target = folder / called(int(row["pid"]), int(row["camid"]), number)
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.open(drawn / row["file"]).save(target)
        row["file"] = target.relative_to(folder).as_posix()
    with (folder / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    shutil.rmtree(drawn)


def attributes(shell: Shell, name: str) -> None:
    """Photos with two attributes that nobody can see."""
    photos(shell, name)
    manifest = shell.folder / name / "manifest.csv"
    rows = list(csv.DictReader(manifest.read_text("utf-8").splitlines()))
    lines = ["file,split,pid,camid,hat,backpack"]
    for row in rows:
        split = "train" if row["split"] == "train" else "test"
        pid = int(row["pid"])
        lines.append(f"{row['file']},{split},{pid},{row['camid']},{pid % 2},{pid // 2 % 2}")
    manifest.unlink()
    (manifest.parent / "attributes.csv").write_text("\n".join(lines) + "\n", "utf-8")


def layouts(shell: Shell, name: str) -> None:
    """The public data sets in their own layouts, a handful of images each."""
    for folder, make in true_layouts.MAKERS.items():
        make(shell.folder / name / folder)


def small_recipes(shell: Shell, schedule: str = _LONG) -> None:
    """Every recipe under small/, with a tiny network, tiny images and the photos where no --data is given."""
    folder = shell.folder / "small"
    folder.mkdir()
    for recipe in recipes():
        text = _RECIPE.format(file=recipe.path, data=shell.folder / "photos")
        (folder / recipe.name).write_text(text + schedule, "utf-8")


def short_recipes(shell: Shell) -> None:
    """The same, two epochs long and content with few identities."""
    small_recipes(shell, _SHORT)


def small_spaces(shell: Shell) -> None:
    """Every space of the catalog as a file of the folder, on the small recipe, four epochs long."""
    for name in catalog.names():
        text = re.sub(r"max_epochs: \d+", "max_epochs: 4", catalog.read(name))
        text = re.sub(r"min_epochs: \d+", "min_epochs: 1", text)
        # warm-ups and the like that are longer than four epochs
        text = re.sub(r"^  SOLVER\.\w+_(EPOCHS|ITERS): \{.*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"(WARMUP_EPOCHS: )10\.0", r"\g<1>1.0", text)
        text = re.sub(r"^recipe: (\w+)$", r"recipe: small/\1", text, flags=re.MULTILINE)
        (shell.folder / f"{name}.yaml").write_text(text, "utf-8")
