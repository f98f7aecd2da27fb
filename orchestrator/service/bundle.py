"""The support bundle: one zip file with what helps to find a fault, and neither secrets nor images nor checkpoints."""

from __future__ import annotations

import contextlib
import importlib.metadata
import itertools
import json
import os
import platform
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

from pydantic import BaseModel, ConfigDict

from orchestrator.events import TrialStatus, event_to_json
from orchestrator.service.daemon import record
from orchestrator.service.doctor import examine
from orchestrator.service.notify import channels
from orchestrator.service.remote_log import remote_lines
from orchestrator.service.scrub import Scrub
from orchestrator.service.service import Service
from orchestrator.service.trial_output import Output
from orchestrator.store import StudyRow
from reid_core.errors import Conflict, ReidTuneError, ServerUnreachable, UsageError

__all__ = ["BundleView", "make_bundle"]

PACKAGES = (
    "reid-tune torch ray mlflow optuna faiss-cpu fastapi uvicorn pydantic sqlalchemy psycopg fsspec s3fs numpy scipy "
    "scikit-learn pillow click rich structlog prometheus-client psutil"
)
ENVIRONMENT = (
    "REID_TUNE_HOME REID_TUNE_STORE REID_TUNE_LOG_FORMAT REID_TUNE_LOG_LEVEL MLFLOW_TRACKING_URI RAY_ADDRESS "
    "CUDA_VISIBLE_DEVICES NVIDIA_VISIBLE_DEVICES OMP_NUM_THREADS MKL_NUM_THREADS MALLOC_ARENA_MAX "
    "PYTORCH_CUDA_ALLOC_CONF PYTHONPATH VIRTUAL_ENV TMPDIR TZ LANG LC_ALL SLURM_JOB_ID SLURM_JOB_NUM_NODES"
)
"""The only variables whose values go in; of all others that are ours the name alone."""
TAIL = 1024**2
"""Bytes kept of the end of each log."""
TRIAL_TAIL, MOST_TRIALS, MOST_EVENTS = 128 * 1024, 100, 30_000
MOST_ELSEWHERE, LINES_ELSEWHERE = 20, 1000
"""Trials whose logs are read from the checkpoints' URL, failed ones and then the newest; the last lines of each log."""
_Make = Callable[[], str | Iterator[str]]
"""Makes a part: its text, or its lines one by one."""
_LOGS = ("*.log", "*.out", "*.err", "stdout*", "stderr*")


class BundleView(BaseModel):
    """The file that was written, and what is in it: name and size in bytes of each part."""

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    parts: dict[str, int]


def make_bundle(service: Service, study: str | None, out: Path | None, *, now: float | None = None) -> BundleView:
    """Write the bundle of the service, with `study` of that study too. Conflict when `out` exists already.

    A part that cannot be read is named with its error in place of its content.
    """
    row = None if study is None else service.store.find(study)
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    path = out or Path(f"reid-tune-support-{'service' if row is None else row.name}-{stamp}.zip")
    scrub = Scrub.of(service.home, os.environ)
    sizes: dict[str, int] = {}
    try:
        with _new_file(path) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bundle:
            for name, make in _parts(service, row):
                with bundle.open(scrub(name), "w") as part:
                    sizes[name] = sum(part.write(piece.encode()) for piece in _pieces(name, make, scrub))
    except FileExistsError as error:
        raise Conflict(f"{path} exists already", hint="name another file with --out") from error
    except OSError as error:
        path.unlink(missing_ok=True)
        raise UsageError(f"{path} cannot be written: {error.strerror}", hint="name another file with --out") from error
    return BundleView(path=str(path), size=path.stat().st_size, parts=sizes)


@contextlib.contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that only its owner can read, removed when it could not be finished."""
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(number, "wb") as stream:
            yield stream
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _pieces(name: str, make: _Make, scrub: Scrub) -> Iterator[str]:
    """The part without secrets: texts line by line, JSON value by value. It ends with the error that ended reading."""
    try:
        made = make()
        if isinstance(made, str):
            yield scrub.json(made, indent=2) if name.endswith(".json") else scrub(made)
        else:
            yield from (f"{scrub.json(line)}\n" for line in made)
    except (OSError, ReidTuneError, ValueError) as error:
        yield scrub(f"cannot be read: {type(error).__name__}: {error}\n")


def _parts(service: Service, row: StudyRow | None) -> Iterator[tuple[str, _Make]]:
    home = service.home
    yield "versions.json", lambda: _json(_versions())
    yield "environment.json", lambda: _json(_environment(os.environ))
    yield "doctor.json", lambda: _json([check.model_dump() for check in examine(home, None)])
    yield (
        "notifications.json",
        lambda: _json([{"name": one.name, "kind": one.kind, "on": one.on} for one in channels(home)]),
    )
    yield "studies.json", lambda: _json([_row(one) for one in service.store.studies()])
    yield "daemon.json", lambda: service.daemon().model_dump_json(indent=2)
    for log in (record.log_file(home), record.web_log_file(home)):
        if _plain(log):
            yield log.name, lambda log=log: _tail(log, TAIL)  # type: ignore[misc]
    yield "sizes.json", lambda: _json(_sizes(home.root, deep=1))
    if row is not None:
        yield from _of_study(service, row)


def _of_study(service: Service, row: StudyRow) -> Iterator[tuple[str, _Make]]:
    folder = service.home.study(row.id)
    yield "study/events.jsonl", lambda: _events(service, row)
    yield "study/space.json", lambda: service.study(row.id).space_model.model_dump_json(indent=2)
    yield "study/plan.json", lambda: service.study(row.id).plan.model_dump_json(indent=2)
    yield "study/sizes.json", lambda: _json(_sizes(folder, deep=3))
    for log in sorted(folder.glob("*.log")):
        if _plain(log):
            yield f"study/{log.name}", lambda log=log: _tail(log, TAIL)  # type: ignore[misc]
    trials = sorted((folder / "trials").glob("[0-9]*"), key=_touched, reverse=True)[:MOST_TRIALS]
    for trial in sorted(trials):
        for log in sorted({one for pattern in _LOGS for one in trial.glob(pattern)}):
            if _plain(log):
                yield f"study/trials/{trial.name}/{log.name}", lambda log=log: _tail(log, TRIAL_TAIL)  # type: ignore[misc]
    yield from _elsewhere(service, row)


def _elsewhere(service: Service, row: StudyRow) -> Iterator[tuple[str, _Make]]:
    """Logs of trials that ran on disks which this machine does not see. A store that does not answer is asked once."""
    known = sorted(service.state(row.id).trials.values(), key=lambda one: (one.status is TrialStatus.FAILED, one.id))
    for trial in known[-MOST_ELSEWHERE:]:
        _, url = service.log_places(row.id, trial.id, Output.LOG)
        for output in Output if url else ():
            name = f"study/trials/{trial.id:04d}/elsewhere/{output}"
            try:
                text = "".join(f"{line}\n" for line in remote_lines(url, output, LINES_ELSEWHERE))
            except ServerUnreachable as error:
                yield name, lambda told=f"cannot be read: {error}\n": told  # type: ignore[misc]
                return
            if text:
                yield name, lambda text=text: text  # type: ignore[misc]


def _touched(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _plain(path: Path) -> bool:
    """A file of its own: a link could lead anywhere."""
    return path.is_file() and not path.is_symlink()


def _events(service: Service, row: StudyRow) -> Iterator[str]:
    """The newest events, and before them the one that created the study."""
    first = max(0, row.seq - MOST_EVENTS)
    created = itertools.islice(service.store.events(row.id), 1 if first else 0)
    for one in itertools.chain(created, service.store.events(row.id, after=first)):
        yield f'{{"seq": {one.seq}, "at": {one.at}, "event": {event_to_json(one.event)}}}'


def _tail(path: Path, most: int) -> str:
    size = path.stat().st_size
    with path.open("rb") as stream:
        stream.seek(max(0, size - most))
        text = stream.read(most).decode("utf-8", errors="replace")
    if size <= most:
        return text
    return f"[the first {size - most} bytes are left out]\n{text.partition(chr(10))[2]}"


def _versions() -> dict[str, object]:
    found: dict[str, str] = {}
    for name in PACKAGES.split():
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    return {"python": sys.version, "platform": platform.platform(), "machine": platform.machine(), "packages": found}


def _environment(environment: Mapping[str, str]) -> dict[str, str]:
    shown = {name: environment[name] for name in ENVIRONMENT.split() if name in environment}
    ours = sorted(name for name in environment if name.startswith(("REID_TUNE_", "MLFLOW_", "RAY_")))
    return {**dict.fromkeys(ours, "(set)"), **shown}


def _row(row: StudyRow) -> dict[str, object]:
    named = {"id": row.id, "name": row.name, "status": row.status.value, "archived": row.archived}
    return {**named, "created_at": row.created_at, "updated_at": row.updated_at, "events": row.seq}


def _sizes(folder: Path, *, deep: int) -> dict[str, int]:
    """Bytes of everything below each folder, down to `deep` levels; names of files are not told, they may be images."""
    sizes: dict[str, int] = {}
    for here, _, files in os.walk(folder):
        place = Path(here).relative_to(folder)
        key = "/".join(place.parts[:deep]) or "."
        total = 0
        for file in files:
            with contextlib.suppress(OSError):  # removed since
                total += (Path(here) / file).lstat().st_size
        sizes[key] = sizes.get(key, 0) + total
    return dict(sorted(sizes.items()))


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str) + "\n"
