"""What runs beside this process: the store, MLflow, the daemon, a Ray cluster, and who is told."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from orchestrator.backends.ray_port import NoCertificate, NoRay, NoToken, bring_token, greet, place_of
from orchestrator.events import StudyStatus
from orchestrator.notify import load_settings, open_channel
from orchestrator.service.daemon import record
from orchestrator.service.doctor.check import Check, fails, fine, warns
from orchestrator.service.doctor.places import clock_check
from orchestrator.service.home import Home
from orchestrator.service.notify import settings_file
from orchestrator.service.processes import controller_of
from orchestrator.service.ray_nodes import asking, cluster_of, environment
from orchestrator.store import Store, open_store
from orchestrator.tracking.projection import sqlite_path
from reid_core.errors import ReidTuneError

__all__ = ["check_ray", "daemon", "mlflow", "notifications", "store"]

_QUICK = 1.5
"""Seconds for looking through a SQLite file; `reid-tune db check` takes all the time it needs."""
_RAY_SECONDS = 30
_MLFLOW = "mlflow"  # the name of its cursor


def store(home: Home) -> Iterator[Check]:
    """It opens in the version of this program, is whole as far as a quick look tells, and its clock is ours."""
    began = time.monotonic()
    try:
        with contextlib.closing(open_store(home.store)) as opened:
            count, place = len(opened.studies()), opened.place
            ahead, took = opened.now() - time.time(), time.monotonic() - began
    except ReidTuneError as error:
        yield fails("store", error.message, error.hint or "move the file away, or restore a backup")
        return
    told = f"{count} stud{'y' if count == 1 else 'ies'} in {place}"
    yield fine("store", told) if took < 1 else warns("store", f"{told}, {took:.1f} s to open", "see whether it is busy")
    path = home.store if isinstance(home.store, Path) else sqlite_path(home.store)
    if path is not None:
        yield _quick_look(path)
    else:
        yield clock_check("clock of the store", "the database server", ahead)


def _quick_look(path: Path) -> Check:
    end = time.monotonic() + _QUICK
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as opened:
            opened.set_progress_handler(lambda: int(time.monotonic() > end), 10_000)
            said = opened.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "interrupted" in str(error):
            return fine("store file", f"whole as far as {_QUICK:g} s go; `reid-tune db check` reads all of it")
        return warns("store file", str(error), "try again; if it stays so, `reid-tune db check`")
    except sqlite3.DatabaseError as error:
        return fails("store file", str(error), "restore a backup (`reid-tune db`)")
    return fine("store file", "whole") if said == "ok" else fails("store file", said, "restore a backup")


def mlflow(home: Home) -> Iterator[Check]:
    """It answers, and has every event of the studies that it was to follow."""
    reached = _reach_mlflow(home.mlflow_uri)
    yield reached
    try:
        with contextlib.closing(open_store(home.store)) as opened:
            behind = _behind(opened)
    except ReidTuneError as error:
        yield fails("mlflow lag", error.message, "see the finding about the store")
        return
    if not behind:
        yield fine("mlflow lag", "nothing is missing")
        return
    shown = ", ".join(f"{name} ({missing})" for name, missing in behind[:5])
    more = f" and {len(behind) - 5} more" if len(behind) > 5 else ""
    yield warns("mlflow lag", f"events missing: {shown}{more}", f"reid-tune mlflow sync {behind[0][0]}")


def _reach_mlflow(uri: str) -> Check:
    path = sqlite_path(uri)
    if path is not None:
        if not path.exists():
            return fine("mlflow", "nothing recorded yet")
        try:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=1)) as opened:
                count = opened.execute("SELECT count(*) FROM experiments").fetchone()[0]
        except sqlite3.Error as error:
            return fails("mlflow", f"{path}: {error}", "move the file away; `reid-tune mlflow sync` writes it again")
        return fine("mlflow", f"{count} experiments in {path}")
    if not uri.startswith(("http://", "https://")):
        return fine("mlflow", f"{urlsplit(uri).scheme} store, not looked at")
    address = f"{uri.rstrip('/')}/health"
    try:
        with urllib.request.urlopen(address, timeout=2) as answer:  # noqa: S310 - checked above
            answer.read(1)
    except (OSError, ValueError) as error:
        advice = "studies run without it; start it, then `reid-tune mlflow sync STUDY`"
        return fails("mlflow", f"{uri} does not answer: {getattr(error, 'reason', error)}", advice)
    return fine("mlflow", f"{uri} answers")


def _behind(opened: Store) -> list[tuple[str, int]]:
    """Studies at rest that MLflow knows, with the number of events it misses."""
    found = []
    for row in opened.studies():
        cursor = opened.cursor(row.id, _MLFLOW)
        if 0 < cursor < row.seq and controller_of(opened, row.id) is None:
            found.append((row.name, row.seq - cursor))
    return found


def daemon(home: Home) -> Check:
    """Whether `reid-tune up` runs, and whether somebody waits for it."""
    found = record.read(home, dead=True)
    with contextlib.closing(open_store(home.store)) as opened:
        waiting = sum(row.status is StudyStatus.QUEUED and not row.archived for row in opened.studies())
    queue = f"{waiting} stud{'y waits' if waiting == 1 else 'ies wait'}"
    if found is None or not found.alive:
        if waiting:
            return warns("daemon", f"does not run, and {queue}", "reid-tune up")
        if found is not None:
            return warns(
                "daemon", f"process {found.pid} ended without a word", f"reid-tune up; see {record.log_file(home)}"
            )
        return fine("daemon", "does not run; studies run with `reid-tune run`")
    if found.troubles:
        return warns("daemon", f"{len(found.troubles)} studies do not go on", "`reid-tune status --watch` says why")
    pages = f", {found.url}" if found.url else ""
    return fine("daemon", f"process {found.pid} on {found.machine}, {found.slots} slots, {queue}{pages}")


def notifications(home: Home) -> Iterator[Check]:
    """notify.yaml reads well, and the secrets that it names are there. Nothing is sent."""
    try:
        found = load_settings(settings_file(home))
    except ReidTuneError as error:
        yield fails("notifications", error.message, "mend the file, or remove it")
        return
    if found is None:
        yield fine("notifications", "nobody is told")
        return
    for name, settings in sorted(found.channels.items()):
        try:
            open_channel(name, settings)
            yield fine(f"notifications {name}", f"{settings.kind}; `reid-tune notify test` tries it")
        except ReidTuneError as error:
            yield warns(f"notifications {name}", error.message, error.hint)


def check_ray(address: str, *, connect: bool) -> Check:
    """Whether the head's port answers, or with `connect` the cluster itself, with its nodes."""
    port = _ray_port(address or "auto")
    if not connect or not port.ok:
        return port
    try:
        done = subprocess.run(  # noqa: S603 - our own few lines; in a process of its own, for Ray may end it
            asking(address or "auto", once=True),
            capture_output=True,
            text=True,
            timeout=_RAY_SECONDS,
            check=False,
            env=environment(),
        )
    except subprocess.TimeoutExpired:
        return fails("ray cluster", f"no answer within {_RAY_SECONDS} s", "see `ray status` on its head")
    if done.returncode != 0:
        said = [line for line in done.stderr.strip().splitlines() if line.strip()] or ["no reason given"]
        return fails("ray cluster", said[-1], "start it with `ray start --head`, or leave --ray out")
    told = next(filter(None, map(cluster_of, done.stdout.splitlines())))
    cores, gpus = sum(one.cores for one in told.nodes), sum(one.gpus for one in told.nodes)
    free = cores - sum(one.cores_used for one in told.nodes), gpus - sum(one.gpus_used for one in told.nodes)
    found = f"{free[0]:g} of {cores:g} cores and {free[1]:g} of {gpus:g} GPUs free"
    return fine("ray cluster", f"Ray {told.ray}, {len(told.nodes)} nodes, {found}")


def _ray_port(address: str) -> Check:
    try:
        host, port = place_of(address)
    except ValueError:
        return warns("ray cluster", f"{address} names no host and port", "`reid-tune doctor --ray` connects to it")
    try:
        if greet((host, port), connect=2.0, answer=5.0):
            bring_token(host, dict(os.environ))
    except NoToken as error:
        advice = "set RAY_AUTH_MODE=token here, and have the head's ~/.ray/auth_token"
        return fails("ray cluster", f"{host}:{port}: {error}", advice)
    except NoCertificate as error:
        return fails("ray cluster", str(error), error.advice)
    except NoRay as error:
        return fails("ray cluster", f"{host}:{port}: {error}", "give the address that `ray start --head` told")
    except OSError as error:
        told = f"{host}:{port} does not answer: {error.strerror or error}"
        return fails(
            "ray cluster",
            told,
            "start it with `ray start --head`, or leave its address out (`reid-tune up`, RAY_ADDRESS)",
        )
    return fine("ray cluster", f"{host}:{port} answers; `reid-tune doctor --ray` looks closer")
