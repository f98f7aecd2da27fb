"""Trial after trial in one worker process leaves nothing behind: no descriptor, thread, process, memory, shared memory.

Real trainings: the cache is mapped, batches are prepared ahead by a thread (as on a GPU), images are embedded.
"""

from __future__ import annotations

import gc
import multiprocessing
import shutil
from pathlib import Path

import psutil
import pytest
from shared_memory import left_in_shared_memory, names_in_shared_memory
from trials.spaces import TINY

from orchestrator.backends.run_segment import Asking, run_segment
from orchestrator.trial.protocol import Completed, SegmentSpec
from orchestrator.trial.reid import ReidTrial
from search_spaces.encoding import complete
from search_spaces.load import load_space


def held(folder: Path, before: frozenset[str]) -> dict[str, int]:
    gc.collect()
    process = psutil.Process()
    return {
        "descriptors": process.num_fds(),
        "threads": process.num_threads(),
        "processes": len(process.children(recursive=True)),
        "shared": len(left_in_shared_memory(before)),
        "maps": sum(str(folder) in one.path for one in process.memory_maps()),
        "memory": process.memory_info().rss >> 20,
    }


def work(folder: Path, early: int, late: int, answers: object) -> None:
    """What a worker does, `late` times; what it holds after `early` trials and at the end."""
    import torch

    from reid_core.data import loader

    torch.set_num_threads(1)
    before = names_in_shared_memory()
    plain = loader.TrainBatches.__init__
    loader.TrainBatches.__init__ = lambda self, *rest, **named: plain(self, *rest, **{**named, "prefetch": 2})  # type: ignore[method-assign]
    space = load_space(
        f"name: tiny\nrecipe: demo\nparameters: {{SOLVER.BASE_LR: {{type: float, low: 1.0e-4, high: 1.0e-2}}}}\n{TINY}"
    )
    config = {**complete(space.base, {}, {}), "DATALOADER.CACHE_DIR": str(folder / "cache")}
    trial, seen = ReidTrial(), []
    for number in range(1, late + 1):
        said: list = []
        one = SegmentSpec(
            study="s",
            trial=number,
            segment=number,
            config=config,
            from_epoch=0,
            to_epoch=1,
            checkpoint=None,
            seed=number,
            directory=str(folder / f"{number:04d}"),
        )
        run_segment(trial, one, said.append, Asking(lambda: False))
        if not isinstance(said[-1].outcome, Completed):
            raise TypeError(said[-1].outcome)
        shutil.rmtree(folder / f"{number:04d}")
        if number in {early, late}:
            seen.append(held(folder, before))
    answers.put(seen)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("early", "late"), [(4, 12), pytest.param(20, 200, marks=[pytest.mark.faults, pytest.mark.timeout(1800)])]
)
def test_trial_after_trial_in_one_process_leaves_nothing_behind(tmp_path, monkeypatch, early, late):
    monkeypatch.setenv("REID_TUNE_HOME", str(tmp_path))
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    worker = context.Process(target=work, args=(tmp_path, early, late, answers))
    worker.start()
    first, last = answers.get(timeout=1700)
    worker.join()
    assert worker.exitcode == 0
    for name in ("descriptors", "threads", "processes", "shared", "maps"):
        assert last[name] <= first[name], (name, first, last)
    assert last["memory"] <= first["memory"] + 24, (first, last)
