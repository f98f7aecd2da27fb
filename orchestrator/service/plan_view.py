"""Plans and spaces as views; what an epoch costs, from the last measurement of the same recipe."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from orchestrator.search import GRID
from orchestrator.service.create import Draft
from orchestrator.service.given import confirm_epochs, warm_start_views
from orchestrator.service.home import Home
from orchestrator.service.limits import limit_views
from orchestrator.service.machine import cores, gpu_count
from orchestrator.service.makespan import Costs, makespan, segments_of
from orchestrator.service.packing import COST_KEYS, memory_key, remembered
from orchestrator.service.views import PlanView, SpaceView
from reid_core.config import Values
from search_spaces.load import load_space
from search_spaces.tied import words

__all__ = ["epoch_seconds", "plan_view", "space_view"]

PROFILE_SECONDS = 60
_SEGMENT, _START = ".segment", ".start"


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
        defaults=loaded.defaults,
    )


def plan_view(made: Draft, home: Home, *, measure: bool) -> PlanView:
    """The plan with its expected wall time."""
    per_epoch = epoch_seconds(made.base, made.resources.cpus, made.workers, home, measure=measure)
    seconds, hours = None, None
    if per_epoch is not None:
        seconds, hours = _expected(made, _costs(per_epoch, made.base, made.resources.cpus, made.workers, home))
    return PlanView(
        plan=made.plan,
        objective=made.space.objective,
        task=made.space.measures.task,
        algorithm=made.algorithm,
        schedule=made.schedule,
        parameters=len(made.space.parameters),
        tied={key: words(rule) for key, rule in made.space.tied.items()},
        rows=tuple(row.name for row in made.space.rows),
        seeds=made.space.search.seeds if made.algorithm == GRID else 1,
        protocol=made.request.protocol,
        workers=made.workers,
        seconds_per_epoch=per_epoch,
        seconds=seconds,
        gpu_hours=hours if made.resources.gpus else None,
        limits=limit_views(made.given.limits),
        enqueued=len(made.given.enqueued),
        warm_start=warm_start_views(made.given.earlier),
        teachers=made.given.teachers,
        confirm=made.given.confirm,
        confirm_epochs=confirm_epochs(made.given.confirm, made.plan.max_epochs, made.plan.trials),
        device="GPU" if gpu_count() and made.resources.gpus else f"CPU, {made.resources.cpus} thread(s) a trial",
        data=made.data.sentence(made.request.protocol),
        warnings=made.notes,
    )


def _expected(made: Draft, costs: Costs) -> tuple[float, float]:
    """(seconds, GPU-hours) that the study takes at these costs, or that its limits leave it."""
    plan, limits = made.plan, made.given.limits
    repeated = confirm_epochs(made.given.confirm, plan.max_epochs, plan.trials)
    again = repeated // plan.max_epochs
    seconds = makespan(plan, made.workers, costs, again)
    busy = (plan.epochs + repeated) * costs.epoch + (segments_of(plan) + again) * costs.segment
    hours = busy * made.resources.gpus / 3600
    shares = [1.0]
    if limits.epochs is not None:
        shares.append(limits.epochs / (plan.epochs + repeated))
    if limits.gpu_hours is not None and hours:
        shares.append(limits.gpu_hours / hours)
    if limits.wall_seconds is not None:
        shares.append(limits.wall_seconds / seconds)
    return seconds * min(shares), hours * min(shares)


def epoch_seconds(base: Values, threads: int, workers: int, home: Home, *, measure: bool) -> float | None:
    """Seconds of one epoch while `workers` trials run side by side; None when unknown and not measured.

    Measurements are remembered in the home folder. Side by side as far as this machine's cores go, because trials
    share memory and caches: two on two cores are each slower than one alone. On a GPU one is timed.
    """
    key, known = _key(base, threads, workers), remembered(home)
    if key in known or not measure:
        return known.get(key)
    copies = 1 if gpu_count() else max(1, min(workers, cores() // threads))
    with ThreadPoolExecutor(copies) as pool:
        measured = list(pool.map(lambda _: _profile(base, threads), range(copies)))
    found = [one for one in measured if one is not None]
    if len(found) < copies:
        return None
    slowest = {key: max(one.epoch for one in found)}
    slowest |= {key + _SEGMENT: max(one.segment for one in found), key + _START: max(one.start for one in found)}
    memory = max(one.memory for one in found)
    slowest |= {memory_key(base): memory} if memory else {}
    beside = home.profiles.with_suffix(".tmp")
    beside.write_text(json.dumps({**known, **slowest}, indent=1))
    beside.replace(home.profiles)
    return slowest[key]


def _costs(epoch: float, base: Values, threads: int, workers: int, home: Home) -> Costs:
    """An epoch's seconds with those of a segment's and a worker's start, where they were measured too."""
    key, known = _key(base, threads, workers), remembered(home)
    return Costs(epoch, known.get(key + _SEGMENT, 0.0), known.get(key + _START, 0.0))


def _key(base: Values, threads: int, workers: int) -> str:
    costly = {key: value for key, value in base.items() if key.startswith(COST_KEYS)}
    return hashlib.sha256(json.dumps([costly, threads, workers], sort_keys=True).encode()).hexdigest()[:16]


def _profile(base: Values, threads: int) -> Costs | None:
    """What an epoch costs; None when it cannot run or would take too long (the study itself will tell)."""
    began = time.perf_counter()
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
    if done.returncode != 0:
        return None
    told = json.loads(done.stdout)
    start = time.perf_counter() - began - told["seconds_in_all"]
    epoch, begin = float(told["seconds_per_epoch"]), float(told["seconds_to_begin"])
    return Costs(epoch, begin, max(0.0, start), float(told.get("gpu_memory", 0.0)))
