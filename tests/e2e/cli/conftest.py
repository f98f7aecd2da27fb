"""The command line run in this process, a small space, and one finished study that every reading test shares."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
from cli_space import RUN, SPACE, write_image


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Cli: TypeAlias = Callable[..., Ran]
Start: TypeAlias = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line in this process."""
    from orchestrator.cli.main import main

    def run(*words: object) -> Ran:
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        code = stopped.value.code
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err, err
        return Ran(code if isinstance(code, int) else 0, out, err)

    return run


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command line in a process of its own; whatever still runs afterwards is killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(*words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "orchestrator.cli", *(str(word) for word in words)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def space(tmp_path: Path) -> Path:
    """A space whose trials take well under a second."""
    file = tmp_path / "small.yaml"
    file.write_text(SPACE)
    return file


@pytest.fixture(scope="session")
def finished_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home folder with one finished study, named `tiny`. Its events, as printed, are in events.jsonl."""
    from orchestrator.cli.main import main

    home = tmp_path_factory.mktemp("finished")
    file = home / "small.yaml"
    file.write_text(SPACE)
    with (home / "events.jsonl").open("w") as events, pytest.MonkeyPatch.context() as patch:
        patch.setenv("REID_TUNE_HOME", str(home))
        patch.setattr(sys, "stdout", events)
        with pytest.raises(SystemExit) as stopped:
            main([*RUN, "--space", str(file), "--name", "tiny"])
    assert stopped.value.code == 0
    return home


@pytest.fixture
def finished(finished_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """REID_TUNE_HOME is the home with the finished study."""
    monkeypatch.setenv("REID_TUNE_HOME", str(finished_home))
    return finished_home


Market: TypeAlias = Callable[..., Path]


@pytest.fixture
def market(tmp_path: Path) -> Market:
    """Write a Market-1501 folder: every identity has two images by every camera, and one in query and gallery."""

    def write(
        *, train: Sequence[int] = range(1, 9), query: Sequence[int] = (101, 102), cameras: Sequence[int] = (1, 2)
    ) -> Path:
        root, seed = tmp_path / "photos", 0
        names = [("bounding_box_train", pid, shot) for pid in train for shot in (0, 1)]
        names += [("query", pid, 0) for pid in query]
        names += [("bounding_box_test", pid, 1) for pid in (101, 102)]
        for folder, pid, shot in names:
            for camera in cameras:
                seed += 1
                write_image(root / folder / f"{pid:04d}_c{camera}s1_{shot:06d}.jpg", seed)
        return root

    return write


@pytest.fixture
def measured_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    """An epoch takes two seconds, without measuring it."""
    monkeypatch.setattr("orchestrator.service.plan_view.epoch_seconds", lambda *_args, **_options: 2.0)
