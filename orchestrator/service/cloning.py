"""A new study made as another one is: the same space, configuration, plan, data and limits, but for what is asked."""

from __future__ import annotations

import secrets
import shlex
import sys
from collections.abc import Mapping
from importlib.metadata import version

from orchestrator.events import StudyCreated
from orchestrator.service.create import VERSIONS
from orchestrator.service.enqueue import completed
from orchestrator.service.home import Home, check_name
from orchestrator.service.taught import copied, moved, moved_values, places
from orchestrator.service.views_acting import CloneRequest
from reid_core import api
from reid_core.config import Value, Values, from_values, suggest
from reid_core.errors import Finding, InvalidInput

__all__ = ["cloned"]

_LENGTH = "SOLVER.MAX_EPOCH"


def cloned(created: StudyCreated, request: CloneRequest, home: Home) -> StudyCreated:
    """The first event of the new study; its teachers are copied into its folder before it is told.

    Raises InvalidInput with every fault of the request, and when the data is not there any more.
    """
    check_name(request.name)
    base = _changed(created, request.set)
    described = _data(created, base)
    study = secrets.token_hex(4)
    to = places(created.teachers, home.study(study))
    teachers = copied(created.teachers, to)
    seed = created.seed if request.seed is None else request.seed
    return created.model_copy(
        update={
            "study": study,
            "name": request.name,
            "space": moved(created.space, to),
            "base": moved_values(base, to),
            "seed": seed,
            "enqueued": tuple(moved_values(values, to) for values in created.enqueued),
            "teachers": teachers,
            "versions": {name: version(name) for name in VERSIONS} | {"python": sys.version.split()[0]},
            "command": _command(created.command, request),
            **described,
        }
    )


def _changed(created: StudyCreated, changes: Mapping[str, Value]) -> Values:
    """The base configuration with the changes; enqueued configurations must still be possible in it."""
    found: list[Finding] = []
    varied = {*created.space.parameters, *created.space.tied}
    for key in changes:
        if key == _LENGTH:
            hint = "start a new study with `reid-tune run --max-epochs`: the schedule is scaled to it"
            found.append(Finding("budget-key", f"{key} is the plan's", file="--set", key=key, hint=hint))
        elif key in varied:
            hint = "start a new study with `reid-tune run --set`: there it no longer varies"
            found.append(Finding("varied-key", f"{key} varies in this study", file="--set", key=key, hint=hint))
        elif key not in created.base:
            hint = suggest(key, created.base) or "`reid-tune config show` lists the keys"
            found.append(Finding("unknown-key", f"{key} is not a key", file="--set", key=key, hint=hint))
    if found:
        raise InvalidInput(found)
    base = {**created.base, **changes}
    if created.space.recipe is not None:
        from_values(base)
    changed = created.model_copy(update={"base": base})
    for values in created.enqueued:
        completed(changed, values, {}, "the enqueued configurations")
    return base


def _data(created: StudyCreated, base: Values) -> dict[str, object]:
    """What the event says of the data, looked at anew: it may have moved, or grown."""
    if created.space.recipe is None:
        return {}
    summary = api.describe_data(from_values(base))
    return {
        "data": summary.sentence(created.protocol),
        "data_fingerprint": summary.fingerprint,
        "split_fingerprint": summary.split_fingerprint,
    }


def _command(command: str, request: CloneRequest) -> str:
    """The command that made the old study, with the new name and what else is asked."""
    words = shlex.split(command)
    words = [*_without(words, "--name"), "--name", request.name]
    if request.seed is not None:
        words = [*_without(words, "--seed"), "--seed", str(request.seed)]
    for key, value in request.set.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        words += ["--set", key, text]
    return shlex.join(words)


def _without(words: list[str], option: str) -> list[str]:
    if option not in words:
        return words
    place = words.index(option)
    return words[:place] + words[place + 2 :]
