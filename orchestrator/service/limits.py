"""What ends a study early: limits from options and the space, and how much of each is used up."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from pydantic_core import PydanticCustomError

from orchestrator.events import Limits, StudyCreated, StudyState, StudyStatus
from orchestrator.search.limits import gpu_hours, limit_met, span, target_reached, was_met
from orchestrator.service.given_views import LimitView
from orchestrator.service.views import StudyRequest
from orchestrator.service.views_acting import LimitsRequest
from reid_core.errors import Finding, InvalidInput, UsageError
from search_spaces.limits import Target, parse_target, parse_wall_time, target_fault
from search_spaces.model import Space, lower_is_better

__all__ = ["changed_limits", "limit_views", "limits_of", "reopened", "seconds_left_by_limits"]

T = TypeVar("T")


def limits_of(request: StudyRequest, space: Space, gpus: float) -> tuple[Limits, tuple[str, ...]]:
    """The limits of a study, options over the space's budget, and notes about those that cannot be met.

    `gpus` is what one trial takes. Raises InvalidInput with every option that makes no sense.
    """
    found: list[Finding] = []
    budget = space.budget
    wall_time = _read(parse_wall_time, request.wall_time or budget.wall_time, "wall-time", found)
    target = _read(parse_target, request.target or budget.target, "target", found)
    if target is not None:
        _judge(target, space, found)
    hours = request.gpu_hours if request.gpu_hours is not None else budget.gpu_hours
    notes: tuple[str, ...] = ()
    if hours is not None and not gpus:
        message = "trials run without a GPU, so that no GPU-hours are spent"
        hint = "limit the time with --wall-time, or ask for GPUs with `resources: {gpus: 1}`"
        if request.gpu_hours is not None:
            found.append(Finding("gpu-hours-need-gpu", message, file="--gpu-hours", key="gpu_hours", hint=hint))
        notes, hours = (f"the limit of {hours:g} GPU-hours has no effect: {message}",), None
    if found:
        raise InvalidInput(found)
    limits = Limits(
        epochs=request.epochs if request.epochs is not None else budget.epochs,
        gpu_hours=hours,
        wall_seconds=wall_time,
        target="" if target is None else str(target),
    )
    return limits, notes


_KINDS = {"epochs": "epochs", "gpu-hours": "gpu_hours", "wall-time": "wall_seconds", "target": "target"}


def changed_limits(created: StudyCreated, request: LimitsRequest) -> Limits:
    """The limits of a study after a request: those named in `clear` go, those given stand, the others stay.

    Raises InvalidInput with every limit that makes no sense, UsageError for a kind that there is not.
    """
    found: list[Finding] = []
    cleared: dict[str, object] = {}
    for kind in request.clear:
        name = kind.replace("_", "-")
        if name not in {*_KINDS, "all"}:
            raise UsageError(f"{kind!r} is no limit", hint=f"clear {', '.join(_KINDS)} or all")
        fields = _KINDS.values() if name == "all" else (_KINDS[name],)
        cleared |= {field: "" if field == "target" else None for field in fields}
    wall_time = _read(parse_wall_time, request.wall_time, "wall-time", found)
    target = _read(parse_target, request.target, "target", found)
    if target is not None:
        _judge(target, created.space, found)
    if request.gpu_hours is not None and not created.gpus:
        message = "trials run without a GPU, so that no GPU-hours are spent"
        hint = "limit the time with --wall-time"
        found.append(Finding("gpu-hours-need-gpu", message, file="--gpu-hours", key="gpu_hours", hint=hint))
    if found:
        raise InvalidInput(found)
    given = {
        "epochs": request.epochs,
        "gpu_hours": request.gpu_hours,
        "wall_seconds": wall_time,
        "target": None if target is None else str(target),
    }
    named = {field: value for field, value in given.items() if value is not None}
    if not cleared and not named:
        hint = "give --epochs, --gpu-hours, --wall-time, --target or --clear"
        raise UsageError("no limit is named", hint=hint)
    return created.limits.model_copy(update={**cleared, **named})


def reopened(state: StudyState, limits: Limits) -> bool:
    """Whether one of its limits ended the study, and `limits` would not."""
    created = state.created
    if created is None or state.status is not StudyStatus.COMPLETED:
        return False
    old = created.limits.epochs
    more = old is not None and (limits.epochs is None or limits.epochs > old)  # the rest did not pay for the next step
    met = more or bool(limit_met(state, created.limits))
    return met and was_met(state) and not limit_met(state, limits)


def _read(parse: Callable[[str], T], text: str, option: str, found: list[Finding]) -> T | None:
    """What `text` says, or None; a fault in it becomes a finding at the option."""
    if not text:
        return None
    try:
        return parse(text)
    except PydanticCustomError as fault:
        told = fault.context or {}
        place = f"--{option}"
        key = option.replace("-", "_")
        found.append(Finding(fault.type, str(told["message"]), file=place, key=key, hint=str(told["hint"])))
        return None


def _judge(target: Target, space: Space, found: list[Finding]) -> None:
    measures = space.measures
    lower = lower_is_better(space.objective, measures)
    fault = target_fault(target, measures.names, measures.unbounded, lower)
    if fault is not None:
        code, message, hint = fault
        found.append(Finding(code, message, file="--target", key="target", hint=hint))


def limit_views(limits: Limits, state: StudyState | None = None) -> tuple[LimitView, ...]:
    """Each limit with what is used of it; without a state, nothing is yet."""
    views: list[LimitView] = []
    if limits.epochs is not None:
        used = 0 if state is None else state.epochs_spent
        views.append(_view("epochs", used, limits.epochs, f"{used} of {limits.epochs} epochs"))
    if limits.gpu_hours is not None:
        hours = 0.0 if state is None else gpu_hours(state)
        views.append(_view("gpu_hours", hours, limits.gpu_hours, f"{hours:.3g} of {limits.gpu_hours:g} GPU-hours"))
    if limits.wall_seconds is not None:
        ran = 0.0 if state is None else state.wall_seconds()
        text = f"{span(ran)} of {span(limits.wall_seconds)} wall time"
        views.append(_view("wall_time", ran, limits.wall_seconds, text))
    if limits.target:
        views.append(_target_view(parse_target(limits.target), state))
    return tuple(views)


def _view(kind: str, used: float, most: float, text: str) -> LimitView:
    return LimitView(kind=kind, used=used, most=most, text=text)


def _target_view(target: Target, state: StudyState | None) -> LimitView:
    """The target beside the best value on any rung so far."""
    if state is None:
        return LimitView(kind="target", used=None, most=target.value, text=f"target {target}")
    reached = target_reached(state, target)
    own = (trial.metrics for trial in state.trials.values() if trial.confirms is None)
    told = (metrics[target.metric] for metrics in own if target.metric in metrics)
    values = [value for value in told if value == value]  # noqa: PLR0124 - only NaN differs from itself
    best = (min(values) if target.at_most else max(values)) if values else None
    so_far = "" if best is None else f", best so far {best:.3g}"
    so_far = f", reached by trial {reached[0]} at epoch {reached[1]}" if reached else so_far
    return LimitView(kind="target", used=best, most=target.value, text=f"target {target}{so_far}")


def seconds_left_by_limits(limits: Limits, state: StudyState, pace: float) -> float | None:
    """Seconds until a limit ends the study at `pace` seconds an epoch; None when no limit tells."""
    workers = max(1, state.workers)
    left: list[float] = []
    if limits.epochs is not None:
        left.append((limits.epochs - state.epochs_spent) * pace / workers)
    if limits.wall_seconds is not None:
        left.append(limits.wall_seconds - state.wall_seconds())
    gpus = 0.0 if state.created is None else state.created.gpus
    if limits.gpu_hours is not None and gpus:
        left.append((limits.gpu_hours - gpu_hours(state)) * 3600 / (gpus * workers))
    return max(0.0, min(left)) if left else None
