"""Many studies at once: which of them are meant, in which order, and several beside each other."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.service.fleet.views import ComparedSetting, ComparedStudy, StudiesComparison
from orchestrator.service.service import Service
from orchestrator.service.views import StudySummary
from reid_core.errors import UsageError
from search_spaces.model import Goal

__all__ = ["MOST_COMPARED", "ORDERS", "compare", "free_name", "matching", "ordered"]

MOST_COMPARED = 20
"""Studies beside each other: more are no picture."""
_SECTIONS = ("space", "configuration", "plan", "data", "limits", "search", "versions")
_NONE = "-"
ORDERS = ("newest", "name", "state", "best", "trials", "spent", "left", "updated")
"""What `ordered` knows."""
_STATES = ("running", "queued", "paused", "interrupted", "created", "failed", "stopped", "completed")


def matching(studies: Sequence[StudySummary], text: str) -> list[StudySummary]:
    """Those in which every word of `text` is found, in any case.

    Words are looked for in name, id, space, search, backend, state, tags and note; `state:running` and `tag:cows` in
    one of these alone.
    """
    words = text.lower().split()
    return [study for study in studies if all(_holds(study, word) for word in words)]


def _holds(study: StudySummary, word: str) -> bool:
    field, colon, wanted = word.partition(":")
    if colon and field == "state":
        return study.status.value.startswith(wanted)
    if colon and field == "tag":
        return wanted in {tag.lower() for tag in study.tags}
    told = (study.name, study.id, study.space, study.algorithm, study.backend, study.status.value, study.note)
    return any(word in each.lower() for each in (*told, *study.tags))


def ordered(studies: Sequence[StudySummary], by: str) -> list[StudySummary]:
    """The studies in one of ORDERS; the newest first among equals, and for any other word."""
    newest = sorted(studies, key=lambda study: -study.created_at)
    match by:
        case "name":
            return sorted(newest, key=lambda study: study.name.lower())
        case "state":
            return sorted(newest, key=lambda study: _STATES.index(study.status.value))
        case "best":
            return sorted(newest, key=_by_best)
        case "trials":
            return sorted(newest, key=lambda study: -study.trials_started)
        case "spent":
            return sorted(newest, key=lambda study: -study.spent.trial_hours)
        case "left":
            return sorted(newest, key=lambda study: study.seconds_left or float("inf"))
        case "updated":
            return sorted(newest, key=lambda study: -study.updated_at)
    return newest


def _by_best(study: StudySummary) -> tuple[str, bool, float]:
    """Those of one metric together, its best first, those without any last."""
    objective = study.objective[0]
    value = study.best.metrics.get(objective.metric) if study.best is not None else None
    if value is None:
        return objective.metric, True, 0.0
    return objective.metric, False, -value if objective.goal is Goal.MAXIMIZE else value


def free_name(name: str, taken: Sequence[str]) -> str:
    """A name for a copy that no study has: cows-2, cows-3 and so on."""
    stem, dash, number = name.rpartition("-")
    base = stem if dash and number.isdigit() and len(number) < 4 else name
    there, count = set(taken), 2
    while (made := f"{base[:70]}-{count}") in there:
        count += 1
    return made


def compare(service: Service, studies: Sequence[str]) -> StudiesComparison:
    """Studies (names, ids or latest) beside each other, each once. NotFound; UsageError for none or too many."""
    ids = list(dict.fromkeys(service.summary(study).id for study in studies))
    if not 1 <= len(ids) <= MOST_COMPARED:
        hint = f"name 1 to {MOST_COMPARED} studies"
        raise UsageError(f"{len(ids)} studies cannot be put beside each other", hint=hint)
    return StudiesComparison(
        studies=tuple(_compared(service, study) for study in ids), settings=_settings(service, ids)
    )


def _compared(service: Service, study: str) -> ComparedStudy:
    summary = service.summary(study)
    hours, epochs = summary.spent.trial_hours, summary.epochs_spent
    return ComparedStudy(
        study=summary, steps=service.steps(study), hours_per_epoch=hours / epochs if hours and epochs else None
    )


def _settings(service: Service, studies: Sequence[str]) -> tuple[ComparedSetting, ...]:
    """Each setting in which any study differs from the first one."""
    first, others = studies[0], studies[1:]
    own: dict[tuple[str, str], str] = {}
    theirs: dict[tuple[str, str], dict[str, str]] = {}
    for other in others:
        for found in service.diff(first, other).differences:
            key = (found.section, found.what)
            own.setdefault(key, found.first)
            second = _NONE if found.second == "removed" else found.second.removeprefix("added ")
            theirs.setdefault(key, {})[other] = second
    told = {what for section, what in own if section == "configuration"}
    keys = [(section, what) for section, what in own if section != "space" or what.removeprefix("fixed.") not in told]
    keys.sort(key=lambda key: _SECTIONS.index(key[0]))
    return tuple(
        ComparedSetting(
            section=section,
            what=what,
            values=(own[section, what], *(theirs[section, what].get(other, own[section, what]) for other in others)),
        )
        for section, what in keys
    )
