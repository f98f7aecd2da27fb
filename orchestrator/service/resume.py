"""Resuming with options: refused when they describe another study than the recorded one."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.events import EarlierResult, Limits, Teacher
from orchestrator.service.create import placed
from orchestrator.service.limits import limit_views
from orchestrator.service.service import Service
from orchestrator.service.taught import places
from orchestrator.service.views import StudyRequest
from reid_core.errors import Conflict
from search_spaces.describe import diff

__all__ = ["check_same"]


def check_same(service: Service, study: str, request: StudyRequest) -> None:
    """Raise Conflict, with every difference, unless `request` would make the study recorded under `study`."""
    created = service.state(study).created
    if created is None:
        return
    made = service.draft(request)
    made = placed(made, places(made.given.teachers, service.home.study(created.study)))
    changes = list(diff(created.space, made.space))
    changes += [
        f"{key}: recorded {created.base.get(key)!r}, now {made.base.get(key)!r}"
        for key in sorted(created.base.keys() | made.base.keys())
        if created.base.get(key) != made.base.get(key)
    ]
    for what, before, now in (
        ("trials", created.plan.trials, made.plan.trials),
        ("seed", created.seed, request.seed),
        ("protocol", created.protocol, request.protocol),
        ("algorithm", created.algorithm, made.algorithm),
        ("schedule", created.schedule or "the algorithm's own", made.schedule or "the algorithm's own"),
        ("data fingerprint", created.data_fingerprint, made.data.fingerprint),
        ("limits", _limits(created.limits), _limits(made.given.limits)),
        ("enqueued configurations", list(created.enqueued), list(made.given.enqueued)),
        ("teachers", _teachers(created.teachers), _teachers(made.given.teachers)),
        ("warm start", _studies(created.earlier), _studies(made.given.earlier)),
        ("confirm", created.confirm, made.given.confirm),
        ("checkpoints", created.checkpoints or "its own folder", made.request.checkpoints or "its own folder"),
    ):
        if before != now:
            changes.append(f"{what}: recorded {before}, now {now}")
    if changes:
        raise Conflict(
            f"study {created.name} was made from something else:\n  " + "\n  ".join(changes),
            hint=f"continue it as it is: `reid-tune run --resume {created.name}`; or start a new one without --resume",
        )


def _limits(limits: Limits) -> str:
    return ", ".join(view.text for view in limit_views(limits)) or "none"


def _studies(earlier: Sequence[EarlierResult]) -> str:
    return ", ".join(dict.fromkeys(result.study for result in earlier)) or "none"


def _teachers(teachers: Sequence[Teacher]) -> str:
    """By content: a file may be named in several ways."""
    return ", ".join(one.sha256[:12] or one.source for one in teachers) or "none"
