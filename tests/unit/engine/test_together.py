"""Processes that train together, on a CPU through gloo, against one process with the same batches."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import psutil
import pytest
import torch
import validation_run
from saved_teacher import save_teacher

from reid_core.config import to_values
from reid_core.engine import together
from reid_core.engine.checkpoint import load
from reid_core.engine.crew import ALONE, Crew
from reid_core.engine.run import DIVERGED
from reid_core.errors import ConfigError, ProcessLost, ReidTuneError, TrainingDiverged
from reid_core.ranks import Elsewhere, start_here

SYNC = {
    "MODEL__BACKBONE__NORM": "syncBN",
    "MODEL__HEADS__NORM": "syncBN",
    "MODEL__LOSSES__NAME": ["CrossEntropyLoss", "TripletLoss", "CenterLoss"],
    "SOLVER__OPT": "SGD",
    "SOLVER__BASE_LR": 1e-3,
    "SOLVER__WARMUP_EPOCHS": 0.0,
    "SOLVER__WARMUP_ITERS": 0,
    "SOLVER__EMA__ENABLED": True,
    "SOLVER__CLIP_GRADIENTS__ENABLED": True,
}

# Steps in float64, where rounding cannot hide a wrong gradient: rank, count, port, values, result.
STEPS = """
import json, sys
from datetime import timedelta
from pathlib import Path
import torch
from torch import distributed
from reid_core import api
from reid_core.config import from_values
from reid_core.engine.crew import Crew
from reid_core.engine.run import Hooks, Run
rank, count, store, values, folder = json.loads(sys.argv[1])
torch.set_num_threads(1)
results = []
if count > 1:
    distributed.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=count)
for number, changed in enumerate(values):
    silent = lambda _: None
    run = Run(
        from_values(changed), Path(folder) / str(number), api.Protocol.VALIDATION, seed=3, start=None, threads=1,
        hooks=Hooks(silent, lambda: False, silent), crew=Crew(rank, count),
    )
    trainer = run._trainer
    trainer.model.double().train()
    trainer._losses.double()
    learned = {}
    if trainer._distiller:
        learned = trainer._distiller.learned.double().state_dict()
        for teacher in trainer._distiller.teachers:
            teacher.model.double()
    losses = [trainer.step(batch) for batch in trainer._batches.epoch(1)]
    centers = trainer._losses.state_dict()
    results.append({"losses": losses, "model": trainer.model.state_dict(), "centers": centers, "learned": learned})
if rank == 0:
    torch.save(results, sys.argv[2])
if count > 1:
    distributed.destroy_process_group()  # its threads must not outlive the interpreter
"""


def steps(count, configs, folder):
    """The results of every configuration's first epoch in float64, trained by `count` processes."""
    result = folder / f"result-{count}.pt"
    values = [to_values(config) for config in configs]
    store = str(folder / "store")
    started = [
        subprocess.Popen(
            [
                sys.executable,
                "-c",
                STEPS,
                json.dumps([rank, count, store, values, str(folder)]),
                result,
            ],
            env=os.environ | {"GLOO_SOCKET_IFNAME": "lo"},
        )
        for rank in range(count)
    ]
    assert [process.wait(120) for process in started] == [0] * count
    return torch.load(result, weights_only=True)


train = partial(validation_run.train, threads=2)


@pytest.mark.slow
def test_two_processes_take_the_steps_of_one_with_the_same_batch(tiny, tmp_path):
    exact = SYNC | {"SOLVER__EMA__ENABLED": False}
    taught = {"KD__MODEL_WEIGHTS": [save_teacher(tiny(MODEL__BACKBONE__DEPTH="0.25x"), tmp_path / "teacher.pt")]}
    taught |= {"KD__OVERHAUL__SCALE": 1.0, "KD__EMBEDDING__SCALE": 1.0, "KD__RELATION__ANGLE_SCALE": 1.0}
    configs = [tiny(**exact), tiny(**exact, SOLVER__ACCUMULATE=2), tiny(**exact, **taught)]
    for alone, both in zip(steps(1, configs, tmp_path), steps(2, configs, tmp_path), strict=True):
        assert len(both["losses"]) == 3
        for one, other in zip(alone["losses"], both["losses"], strict=True):
            assert other == pytest.approx(one, rel=1e-7)
        for part in ("model", "centers", "learned"):
            for name, value in alone[part].items():
                torch.testing.assert_close(both[part][name], value, rtol=1e-6, atol=1e-7, msg=name)


@pytest.mark.slow
def test_what_two_processes_saved_resumes_bit_by_bit(tiny, tmp_path):
    config = tiny(**SYNC)
    straight, end = train(config, tmp_path / "straight", to_epoch=2, processes=2)
    assert [one.epoch for one in straight] == [1, 2]
    assert all("mAP" in one.metrics for one in straight)
    first = straight[0].checkpoint
    rest, again = train(config, tmp_path / "rest", to_epoch=2, processes=2, checkpoint=first)
    assert [one.epoch for one in rest] == [2]
    want, got = load(end.checkpoint.path), load(again.checkpoint.path)
    for name, value in want.model.items():
        assert torch.equal(got.model[name], value), name
    for name, value in want.parts["average"]["values"].items():
        assert torch.equal(got.parts["average"]["values"][name], value), name
    assert not torch.distributed.is_initialized()


def others():
    """The training processes that this one started; a whole test run has children of other kinds."""
    children = psutil.Process().children()
    return [child for child in children if "reid_core.engine.together" in " ".join(child.cmdline())]


@pytest.mark.slow
def test_a_process_that_dies_ends_the_training_with_its_name(tiny, tmp_path):
    def kill(_):
        (child,) = others()
        child.send_signal(signal.SIGKILL)

    with pytest.raises(ReidTuneError, match=r"training process 2 of 2 was ended by signal 9"):
        train(tiny(), tmp_path, processes=2, on_epoch=kill)
    assert others() == []


class Ended:
    """RankProcess that ended so."""

    def __init__(self, code, words):
        self._code, self._words = code, words

    def code(self, _):
        return self._code

    def words(self):
        return self._words

    def end(self):
        """It has."""


def cause(*processes):
    others = [together._Other(Crew(rank, 4), Ended(*one)) for rank, one in enumerate(processes, 1)]
    return together._cause(others)


ADVICE = "\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1\nCompile with `TORCH_USE_CUDA_DSA` to enable it.\n"


@pytest.mark.parametrize(
    ("code", "words", "kind", "told"),
    [
        (1, "torch.OutOfMemoryError: CUDA out of memory. Tried 2 GiB", MemoryError, "2 of 4 failed.*out of memory"),
        (1, "MemoryError", MemoryError, "2 of 4 failed: MemoryError"),
        (1, f"RuntimeError: CUDA error: unspecified launch failure{ADVICE}", RuntimeError, "unspecified launch"),
        (1, "reid_core.errors.ConfigError: no cuda here\n  hint: take cpu", ReidTuneError, "failed: .*no cuda here"),
        (1, "ZeroDivisionError: division by zero", ReidTuneError, "division by zero"),
        (-9, "", ProcessLost, "ended by signal 9"),
    ],
)
def test_what_became_of_another_process_has_its_kind(code, words, kind, told):
    error = cause((code, words))
    assert type(error) is kind
    assert re.search(told, str(error))


def test_who_only_lost_its_connection_is_not_the_cause():
    lost = (1, "RuntimeError: [gloo/pair.cc:534] Connection closed by peer [127.0.0.1]:1")
    assert "3 of 4 was ended by signal 9" in str(cause(lost, (-9, ""), lost))
    assert "3 of 4 failed: MemoryError" in str(cause((-6, ""), (1, "MemoryError"), lost))


def test_another_machine_that_is_gone_at_the_start_is_a_loss(tiny, tmp_path):
    class Gone:
        def start(self, _):
            raise RuntimeError("another node of this training does not answer")

    with pytest.raises(ProcessLost, match="2 of 2 cannot be started: another node"):
        train(tiny(), tmp_path, processes=2, elsewhere=Elsewhere("127.0.0.1", [Gone()]))


@pytest.mark.slow
def test_a_leader_that_dies_takes_the_others_with_it(tiny, tmp_path):
    script = """
import json, os, signal, sys
from pathlib import Path
import psutil
from reid_core import api
from reid_core.config import from_values
def die(_):
    print([child.pid for child in psutil.Process().children()][0], flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
api.train(from_values(json.loads(sys.argv[1])), directory=Path(sys.argv[2]), threads=2, processes=2, on_epoch=die)
"""
    words = [sys.executable, "-c", script, json.dumps(to_values(tiny())), str(tmp_path)]
    ended = subprocess.run(words, check=False, stdout=subprocess.PIPE)
    assert ended.returncode == -signal.SIGKILL
    child = int(ended.stdout)
    deadline = time.monotonic() + 20
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_a_loss_that_is_not_finite_names_the_images_of_all_processes(tiny, tmp_path):
    wild = {"SOLVER__BASE_LR": 100.0, "SOLVER__OPT": "SGD", "SOLVER__WARMUP_EPOCHS": 0.0, "SOLVER__WARMUP_ITERS": 0}
    with pytest.raises(TrainingDiverged) as caught:
        train(tiny(**wild), tmp_path, processes=2)
    if caught.value.files:
        assert len(caught.value.files) == 8
        assert json.loads((tmp_path / DIVERGED).read_text())["files"] == list(caught.value.files)


def test_a_batch_that_does_not_split_into_whole_groups_is_refused(tiny, tmp_path):
    with pytest.raises(ConfigError, match=r"8 images does not make 3 equal shares of whole groups of 2 \(3 processes"):
        train(tiny(), tmp_path, processes=3)
    with pytest.raises(ValueError, match="processes is 0"):
        train(tiny(), tmp_path, processes=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "count", "parts"), [(8, 2, 1), (8, 2, 2), (12, 3, 2), (7, 2, 2), (5, 3, 1)])
def test_every_row_of_a_batch_belongs_to_one_process_in_the_order_of_its_micro_batches(size, count, parts):
    shares = [Crew(rank, count).rows(size, parts).tolist() for rank in range(count)]
    assert sorted(row for share in shares for row in share) == list(range(size))
    if size % (count * parts) == 0:
        each = size // parts
        for part in range(parts):
            rows = [row for share in shares for row in share[part * each // count : (part + 1) * each // count]]
            assert rows == list(range(part * each, (part + 1) * each))


def test_a_process_alone_gathers_nothing():
    tree = {"": torch.ones(3, 2)}
    assert ALONE.gather(tree, [3]) is tree
    assert ALONE.sizes(3, torch.device("cpu")) == [3]
    assert ALONE.as_led(flag=True, device=torch.device("cpu"))


@pytest.mark.slow
def test_a_stop_in_its_first_moment_does_not_end_one_of_the_others():
    other = start_here("{}")  # no part: it ends with an error of its own, after it has begun to ignore stops
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(other._process.pid, number)
        assert other.code(60.0) == 1
        assert "KeyError: 'plan'" in other.words()
    finally:
        other.end()
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) & {signal.SIGINT, signal.SIGTERM} == set()
