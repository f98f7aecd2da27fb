"""Plans and spaces as views; what an epoch costs, from the last measurement of the same recipe."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from orchestrator.search import GRID
from orchestrator.service.create import Draft
from orchestrator.service.home import Home
from orchestrator.service.machine import cores, gpu_count
from orchestrator.service.views import PlanView, SpaceView
from reid_core.config import Values
from search_spaces.load import load_space

__all__ = ["epoch_seconds", "plan_view", "space_view"]

PROFILE_SECONDS = 60
COST_KEYS = (
    "MODEL.BACKBONE",
    "MODEL.HEADS",
    "INPUT.SIZE",
    "SOLVER.IMS_PER_BATCH",
    "DATASETS.ROOT",
    "DATASETS.SYNTHETIC",
)


def space_view(ref: str) -> SpaceView:
    """A space with its text."""
    loaded = load_space(ref)
    space = loaded.space
    return SpaceView(
        name=space.name,
        description=space.description,
        recipe=space.recipe or "",
        parameters=len(space.parameters),
        rows=len(space.rows),
        space=space,
        yaml=loaded.text,
    )


def plan_view(made: Draft, home: Home, *, measure: bool) -> PlanView:
    """The plan with its expected wall time."""
    per_epoch = epoch_seconds(made.base, made.resources.cpus, made.workers, home, measure=measure)
    seconds = None if per_epoch is None else made.plan.epochs * per_epoch / made.workers
    return PlanView(
        plan=made.plan,
        objective=made.space.objective,
        algorithm=made.algorithm,
        parameters=len(made.space.parameters),
        rows=tuple(row.name for row in made.space.rows),
        seeds=made.space.search.seeds if made.algorithm == GRID else 1,
        protocol=made.request.protocol,
        workers=made.workers,
        seconds_per_epoch=per_epoch,
        seconds=seconds,
        device="GPU" if gpu_count() and made.resources.gpus else f"CPU, {made.resources.cpus} thread(s) a trial",
        data=made.data.sentence(made.request.protocol),
        warnings=made.notes,
    )


def epoch_seconds(base: Values, threads: int, workers: int, home: Home, *, measure: bool) -> float | None:
    """Seconds of one epoch while `workers` trials run side by side; None when unknown and not measured.

    Measurements are remembered in the home folder. Side by side as far as this machine's cores go, because trials
    share memory and caches: two on two cores are each slower than one alone. On a GPU one is timed.
    """
    costly = {key: value for key, value in base.items() if key.startswith(COST_KEYS)}
    key = hashlib.sha256(json.dumps([costly, threads, workers], sort_keys=True).encode()).hexdigest()[:16]
    known = _remembered(home)
    if key in known or not measure:
        return known.get(key)
    copies = 1 if gpu_count() else max(1, min(workers, cores() // threads))
    with ThreadPoolExecutor(copies) as pool:
        measured = list(pool.map(lambda _: _profile(base, threads), range(copies)))
    seconds = [one for one in measured if one is not None]
    if len(seconds) < copies:
        return None
    beside = home.profiles.with_suffix(".tmp")
    beside.write_text(json.dumps({**known, key: max(seconds)}, indent=1))
    beside.replace(home.profiles)
    return max(seconds)


def _remembered(home: Home) -> dict[str, float]:
    """Earlier measurements; none when the file is missing or damaged, for they can be made again."""
    try:
        known: dict[str, float] = json.loads(home.profiles.read_text())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}
    return known


def _profile(base: Values, threads: int) -> float | None:
    """Seconds of an epoch; None when it cannot run or would take too long (the study itself will tell)."""
    try:
        done = subprocess.run(  # noqa: S603 - our own module, in its own process: the caller needs no torch
            [sys.executable, "-m", "reid_core.engine.profile", str(threads)],
            input=json.dumps(base).encode(),
            capture_output=True,
            timeout=PROFILE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return None
    return float(json.loads(done.stdout)["seconds_per_epoch"]) if done.returncode == 0 else None
