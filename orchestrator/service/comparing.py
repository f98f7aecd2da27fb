"""Two studies beside each other: everything in which what they were made of differs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orchestrator.events import Plan, StudyCreated
from orchestrator.service.limits import limit_views
from orchestrator.service.views_acting import Difference, StudyDifference
from search_spaces.describe import diff

__all__ = ["difference"]

_NONE = "-"


def difference(first: StudyCreated, second: StudyCreated) -> StudyDifference:
    """What differs between two studies as they are now, extended and limited as they may have been since."""
    return StudyDifference(first=first.name, second=second.name, differences=tuple(_differences(first, second)))


def _differences(first: StudyCreated, second: StudyCreated) -> Iterator[Difference]:
    for line in diff(first.space, second.space):
        what, _, change = line.partition(": ")
        before, arrow, after = change.rpartition(" -> ")
        yield Difference(section="space", what=what, first=before or _NONE, second=after if arrow else change)
    yield from _mapping("configuration", first.base, second.base)
    yield from _mapping("plan", _plan(first.plan), _plan(second.plan))
    yield from _mapping("data", _data(first), _data(second))
    yield from _mapping("limits", _limits(first), _limits(second))
    yield from _mapping("search", _search(first), _search(second))
    yield from _mapping("versions", first.versions, second.versions)


def _mapping(section: str, first: Mapping[str, object], second: Mapping[str, object]) -> Iterator[Difference]:
    for key in sorted(first.keys() | second.keys()):
        before, after = first.get(key), second.get(key)
        if before != after:
            yield Difference(section=section, what=key, first=_text(before), second=_text(after))


def _text(value: object) -> str:
    return _NONE if value is None or value == "" else str(value)


def _plan(plan: Plan) -> dict[str, object]:
    return {
        "trials": plan.trials,
        "epochs": plan.epochs,
        "epochs of a full run": plan.max_epochs,
        "rungs": ", ".join(map(str, plan.rungs)),
        "eta": plan.eta,
    }


def _data(created: StudyCreated) -> dict[str, object]:
    return {
        "images": created.data,
        "fingerprint": created.data_fingerprint,
        "split": created.split_fingerprint,
        "protocol": created.protocol.value,
    }


def _limits(created: StudyCreated) -> dict[str, object]:
    return {view.kind: f"{view.most:g}" if view.kind != "target" else view.text for view in limit_views(created.limits)}


def _search(created: StudyCreated) -> dict[str, object]:
    return {
        "algorithm": created.algorithm,
        "schedule": created.schedule,
        "seed": created.seed,
        "confirm": created.confirm,
        "enqueued configurations": len(created.enqueued),
        "earlier studies": ", ".join(dict.fromkeys(one.study for one in created.earlier)),
        "teachers": ", ".join(one.sha256[:12] or one.source for one in created.teachers),
        "backend": created.backend,
        "workers": created.workers,
        "cpus of a trial": created.cpus,
        "gpus of a trial": created.gpus,
    }
