"""Events told for people: one sentence each."""

from __future__ import annotations

from orchestrator.events import (
    Asked,
    CheckpointSaved,
    CommandGiven,
    ControllerStarted,
    EpochReported,
    Event,
    Limits,
    Logged,
    NodeSetAside,
    OutcomeKind,
    SegmentEnded,
    SegmentPlaced,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    TrialSuggested,
)
from orchestrator.service.limits import limit_views
from orchestrator.service.views import EventView
from search_spaces.measures import Measures

__all__ = ["narrate"]


def narrate(logged: Logged, measures: Measures) -> EventView:
    """The event as a line of a story; `measures` are those of its study."""
    event = logged.event
    trial = getattr(event, "trial", None)
    return EventView(seq=logged.seq, at=logged.at, kind=event.kind, trial=trial, text=_sentence(event, measures))


def _sentence(event: Event, measures: Measures) -> str:
    match event:
        case StudyCreated():
            plan = event.plan
            plan_text = f"{plan.trials} trials, {plan.epochs} epochs, {event.algorithm}, seed {event.seed}"
            return f"study {event.name} created{f' by {event.by}' if event.by else ''}: {plan_text}"
        case ControllerStarted():
            return f"controller {event.owner} took over with {event.workers} worker{'s' * (event.workers != 1)}"
        case TrialSuggested():
            return f"suggested ({event.origin}): {event.reason}"
        case SegmentStarted() | SegmentPlaced():
            return _started(event)
        case EpochReported():
            return f"epoch {event.epoch}: {_metrics(event.metrics, measures)}"
        case CheckpointSaved():
            return f"checkpoint of epoch {event.epoch} saved"
        case SegmentEnded():
            return _ended(event)
        case CommandGiven():
            target = f" trial {event.trial}" if event.trial is not None else ""
            what = event.command.value.replace("_", " ").removeprefix("trial ")
            return f"{what}{target} asked by {event.by or 'somebody'}{_asked(event.asked)}"
        case NodeSetAside():
            return f"node {event.node} set aside: {event.reason}"
        case StudyEnded():
            return f"{event.status}{': ' + event.reason if event.reason else ''}"


def _asked(asked: Asked) -> str:
    """What a command says besides its name, for the one line of its story."""
    told = [
        *(["at the next rungs"] if asked.at_rung else []),
        *(["within the running epochs"] if asked.now else []),
        *([f"to {asked.plan.trials} trials and {asked.plan.epochs} epochs"] if asked.plan is not None else []),
        *([f"limits {_limits(asked.limits)}"] if asked.limits is not None else []),
        *([", ".join(f"{key} {value}" for key, value in asked.values.items())] if asked.values else []),
        *([asked.reason] if asked.reason else []),
        *([", ".join(asked.tags) or "none"] if asked.tags is not None else []),
        *([asked.text.splitlines()[0]] if asked.text else []),
    ]
    return f": {'; '.join(told)}" if told else ""


def _limits(limits: Limits) -> str:
    return ", ".join(view.text for view in limit_views(limits)) or "none"


def _started(event: SegmentStarted | SegmentPlaced) -> str:
    """The reason of a new trial's first segment is its suggestion's, told just before."""
    if isinstance(event, SegmentPlaced):
        return f"runs on {event.worker}"
    first = event.from_epoch + 1
    epochs = f"epoch {first}" if first == event.to_epoch else f"epochs {first} to {event.to_epoch}"
    told = event.from_epoch == 0 and event.attempt == 1
    return f"{epochs} started" if told or not event.reason else f"{epochs} started: {event.reason}"


def _ended(event: SegmentEnded) -> str:
    if event.outcome is OutcomeKind.COMPLETED:
        return f"reached its rung in {event.seconds:.1f} s on {event.worker}"
    if event.outcome is OutcomeKind.PAUSED:
        return f"paused after {event.seconds:.1f} s"
    what = event.failure.value.replace("_", " ") if event.failure is not None else "infeasible"
    return f"{'failed for good' if event.final else 'failed, will run again'} ({what}): {event.message}"


def _metrics(metrics: dict[str, float], measures: Measures) -> str:
    shown = [f"{name} {measures.text(metrics[name], name)}" for name in measures.short(metrics)]
    if "loss" in metrics:
        shown.append(f"loss {metrics['loss']:.3f}")
    return ", ".join(shown) or "no metrics"
