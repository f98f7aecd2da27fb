"""What people do to single trials, and to configurations that are to become one."""

from __future__ import annotations

from orchestrator.events import Asked, CommandGiven, CommandKind, StudyCreated, StudyState, TrialState, TrialStatus
from orchestrator.search import GRID, PBT
from orchestrator.search.limits import rung_above
from orchestrator.service.enqueue import completed
from orchestrator.service.verbs import ENDED, Asking
from orchestrator.service.views import MOST_ENQUEUED
from orchestrator.service.views_acting import Acted, EnqueueRequest, TrialCloneRequest
from orchestrator.store import StudyRow
from reid_core.config import Values
from reid_core.errors import Conflict, NotFound, UsageError

__all__ = ["TrialVerbs"]


class TrialVerbs(Asking):
    """The verbs of trials."""

    def stop_trial(self, study: str, trial: int, by: str = "") -> Acted:
        """End a trial: it finishes its epoch, saves, and does not go on. The study goes on without it."""
        row, state, found = self._trial(study, trial)
        if found.status in {TrialStatus.COMPLETED, TrialStatus.FAILED, TrialStatus.STOPPED}:
            return self._nothing(row, f"trial {trial} is {found.status} already")
        if state.status in ENDED:
            return self._nothing(row, f"is {state.status} already: trial {trial} does not go on")
        return self._ask_once(row, CommandKind.TRIAL_STOP, trial, by, f"trial {trial} is stopped")

    def retry_trial(self, study: str, trial: int, by: str = "") -> Acted:
        """Let a failed or stopped trial go on from its last checkpoint."""
        row, state, found = self._trial(study, trial)
        if found.status is TrialStatus.COMPLETED:
            return self._nothing(row, f"trial {trial} is completed already: there is nothing to retry")
        if found.status not in {TrialStatus.FAILED, TrialStatus.STOPPED}:
            return self._nothing(row, f"trial {trial} is {found.status}: there is nothing to retry")
        _check_open(row, state)
        told = f"trial {trial} rests on its rung again" if found.has_arrived else f"trial {trial} runs again"
        return self._ask_once(row, CommandKind.TRIAL_RETRY, trial, by, told)

    def promote_trial(self, study: str, trial: int, by: str = "") -> Acted:
        """Let a resting trial train to its next rung now, whatever the search thinks of it."""
        row, state, found = self._trial(study, trial)
        above = rung_above(state, found)
        if found.status in {TrialStatus.RUNNING, TrialStatus.WAITING} or (found.promoted and above is not None):
            return self._nothing(row, f"trial {trial} is on its way to epoch {max(found.to_epoch, above or 0)} already")
        if found.status is not TrialStatus.RESTING or above is None:
            message = f"trial {trial} of study {row.name} is {found.status}: only a resting one can be promoted"
            raise Conflict(message, hint=f"`reid-tune trial ls {row.name}` shows which rest")
        created = state.created
        if created is not None and created.algorithm == PBT:
            message = "in a population every member goes on by itself, or is replaced: nobody is promoted"
            raise UsageError(message, hint="stop weak members instead: `reid-tune trial stop`")
        _check_open(row, state)
        return self._ask_once(row, CommandKind.TRIAL_PROMOTE, trial, by, f"trial {trial} goes on to epoch {above}")

    def pin_trial(self, study: str, trial: int, by: str = "") -> Acted:
        """Keep a trial: the checkpoints of its rungs are not discarded from now on, and it is listed first."""
        row, _, found = self._trial(study, trial)
        if found.pinned:
            return self._nothing(row, f"trial {trial} is pinned already")
        return self._ask_once(row, CommandKind.TRIAL_PIN, trial, by, f"trial {trial} is pinned")

    def unpin_trial(self, study: str, trial: int, by: str = "") -> Acted:
        """Treat a trial like the others again."""
        row, _, found = self._trial(study, trial)
        if not found.pinned:
            return self._nothing(row, f"trial {trial} is not pinned")
        return self._ask_once(row, CommandKind.TRIAL_UNPIN, trial, by, f"trial {trial} is pinned no longer")

    def clone_trial(self, study: str, trial: int, request: TrialCloneRequest, by: str = "") -> Acted:
        """Enqueue a trial's configuration with some values changed. InvalidInput with every fault of the changes."""
        row, state, found = self._trial(study, trial)
        created = self._found(study)[2]
        if not request.set:
            raise UsageError("nothing is changed", hint=f"give --set KEY VALUE, or `reid-tune trial retry {row.name}`")
        self._check_paths(request.set, "--set")
        values = completed(created, dict(request.set), found.values, "--set")
        changes = ", ".join(f"{key} {value}" for key, value in sorted(request.set.items()))
        return self._enqueue(row, state, created, values, f"trial {trial} with {changes}", by)

    def enqueue(self, study: str, request: EnqueueRequest, by: str = "") -> Acted:
        """Let a study try a configuration soon: it takes the place of the next new trial, or a place behind the plan.

        InvalidInput with every fault of the values; UsageError where nothing is searched any more.
        """
        row, state, created = self._found(study)
        self._check_paths(request.values, "--values")
        values = completed(created, dict(request.values), {}, "--values")
        return self._enqueue(row, state, created, values, "", by)

    def _enqueue(
        self, row: StudyRow, state: StudyState, created: StudyCreated, values: Values, reason: str, by: str
    ) -> Acted:
        same = next((trial.id for trial in state.trials.values() if trial.values == values), None)
        if same is not None:
            return self._nothing(row, f"trial {same} has these values already")
        if values in created.enqueued or any(one.values == values for one in state.wanted):
            return self._nothing(row, "a configuration with these values waits for its trial already")
        _check_searching(row, state, created)
        _check_open(row, state)
        asked = Asked(values=values, reason=reason)
        command = CommandGiven(command=CommandKind.ENQUEUE, by=by, asked=asked)
        return self._ask(row, command, "enqueued: tried as soon as a new trial can start")

    def _trial(self, study: str, trial: int) -> tuple[StudyRow, StudyState, TrialState]:
        row, state, _ = self._found(study)
        if trial not in state.trials:
            raise NotFound(f"study {row.name} has no trial {trial}", hint=f"it has {len(state.trials)} trials so far")
        return row, state, state.trials[trial]

    def _ask_once(self, row: StudyRow, kind: CommandKind, trial: int, by: str, told: str) -> Acted:
        return self._ask(row, CommandGiven(command=kind, trial=trial, by=by), told)

    def _check_paths(self, values: Values, place: str) -> None:
        if self.roots is not None:
            self.roots.check(dict(values), place)


def _check_open(row: StudyRow, state: StudyState) -> None:
    """Raise Conflict for a study that has ended, or is about to."""
    if state.status in ENDED:
        hint = f"`reid-tune studies extend {row.name}` lets it go on, with no option: without more trials"
        raise Conflict(f"study {row.name} is {state.status}", hint=hint)


def _check_searching(row: StudyRow, state: StudyState, created: StudyCreated) -> None:
    """Raise UsageError where a new configuration could not become a trial."""
    if created.algorithm == GRID:
        message = f"study {row.name} is a grid: its list of configurations is complete"
        raise UsageError(message, hint="start another study for this configuration")
    if any(trial.confirms is not None for trial in state.trials.values()):
        message = f"study {row.name} confirms its finalists: its search is over"
        raise UsageError(message, hint=f"start a new one with --warm-start {row.name} and --enqueue")
    if created.algorithm == PBT and state.spoken_for() >= created.plan.trials:
        message = f"the population of study {row.name} is complete, and all members begin together"
        raise UsageError(message, hint="start another study with --enqueue")
    if len(state.wanted) >= MOST_ENQUEUED:
        raise UsageError(f"{MOST_ENQUEUED} configurations wait already", hint="wait until some were tried")
