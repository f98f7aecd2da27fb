"""Every check, in the order a person would make them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from orchestrator.service.daemon import record
from orchestrator.service.doctor.check import Check, fails
from orchestrator.service.doctor.data_path import data_path
from orchestrator.service.doctor.machine import gpus, limits, memory, packages, processors, python
from orchestrator.service.doctor.places import disks, file_clock, home_folder, shared_memory
from orchestrator.service.doctor.services import check_ray, daemon, mlflow, notifications, store
from orchestrator.service.home import Home
from reid_core import api
from reid_core.config import load_config
from reid_core.errors import ReidTuneError

__all__ = ["examine"]

_Look = Callable[[], "Check | Iterable[Check]"]


def examine(home: Home, data: Path | None, ray: str | None = None) -> list[Check]:
    """Look at everything; a check that breaks is a finding too.

    `ray`: the address of a cluster to connect to, "" for that of the service, else RAY_ADDRESS; None: its port is
    tried only.
    """
    looks: list[tuple[str, _Look]] = [
        ("python", python),
        ("packages", packages),
        ("machine", processors),
        ("memory", memory),
        ("limits", limits),
        ("gpu", gpus),
        ("home", lambda: home_folder(home)),
    ]
    found = [one for name, look in looks for one in _looked(name, look)]
    looks = [("disk", lambda: disks(home)), ("shared memory", shared_memory)]
    if found[-1].ok:
        looks += [
            ("clock", lambda: file_clock(home)),
            ("store", lambda: store(home)),
            ("mlflow", lambda: mlflow(home)),
            ("daemon", lambda: daemon(home)),
            ("notifications", lambda: notifications(home)),
        ]
    address = ray or _ray_of_the_service(home) or os.environ.get("RAY_ADDRESS", "")
    if address or ray is not None:
        looks.append(("ray cluster", lambda: check_ray(address, connect=ray is not None)))
    if data is not None:
        looks += [("data", lambda: _data(data)), ("data path", lambda: data_path(data))]
    return found + [one for name, look in looks for one in _looked(name, look)]


def _ray_of_the_service(home: Home) -> str:
    """The cluster that `reid-tune up` was given; empty where none was, or nobody can tell."""
    with contextlib.suppress(OSError):
        found = record.read(home)
        return found.ray_address if found is not None else ""
    return ""


def _looked(name: str, look: _Look) -> Iterator[Check]:
    try:
        made = look()
        yield from (made,) if isinstance(made, Check) else made
    except Exception as error:  # noqa: BLE001 - whatever is broken on this machine must not hide the other findings
        yield fails(name, f"cannot be looked at: {type(error).__name__}: {error}", "report this with --debug")


def _data(data: Path) -> Check:
    try:
        summary = api.describe_data(load_config("bnneck", [("DATASETS.ROOT", str(data.resolve()))]).config)
    except ReidTuneError as error:
        return fails("data", str(error), "the hint says what to change; --help of `run` names the layouts")
    return Check(name="data", ok=True, finding=summary.sentence(), advice="; ".join(summary.warnings))
