"""What a study has cost so far, and what its plan costs at the pace so far. Pure functions of its state."""

from __future__ import annotations

from orchestrator.events import StudyState
from orchestrator.service import progress
from orchestrator.service.views_spent import SpentView

__all__ = ["spent_of"]

_HOUR = 3600.0


def spent_of(state: StudyState) -> SpentView:
    """Hours of trials and of GPUs: those behind the study, and those of its whole plan."""
    running = sum(max(0.0, state.heard_at - run.started) for run in state.running.values())
    hours = (state.busy_seconds + running) / _HOUR
    pace = progress.seconds_per_epoch(state)
    left = max(0, progress.planned_epochs(state) - state.epochs_spent)
    planned = None if pace is None else hours + left * pace / _HOUR
    created = state.created
    gpus = 0.0 if created is None else created.gpus
    if created is None or not gpus:
        return SpentView(trial_hours=hours, trial_hours_planned=planned)
    on_gpus = None if planned is None else planned * gpus
    if on_gpus is not None and created.limits.gpu_hours is not None:
        on_gpus = min(on_gpus, max(created.limits.gpu_hours, hours * gpus))
    return SpentView(trial_hours=hours, trial_hours_planned=planned, gpu_hours=hours * gpus, gpu_hours_planned=on_gpus)
