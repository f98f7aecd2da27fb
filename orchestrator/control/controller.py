"""Controller: the only writer of a study's log. Reads events, decides, starts segments, appends what they say."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from orchestrator.backends.protocol import Backend, Beat, Ended, Message, Placed, Reported, Saved
from orchestrator.control.aside import write_aside
from orchestrator.control.checkpoints import (
    Retention,
    beginning_of,
    best_so_far,
    discard_others,
    epochs_to_keep,
    instead_of,
    needed_epochs,
)
from orchestrator.control.clock import SteadyClock
from orchestrator.control.costs import known_costs
from orchestrator.control.decide import Decision, Finish, Start, Stop, Suggest, decide, unwanted
from orchestrator.control.lease import Lease, held
from orchestrator.control.nodes import NodeTally
from orchestrator.control.retry import micro_batches
from orchestrator.control.silence import Silence
from orchestrator.control.slots import SharedSlots
from orchestrator.control.told import checkpoint_event, ended_event, report_events
from orchestrator.events import (
    CheckpointSaved,
    CommandGiven,
    CommandKind,
    ControllerStarted,
    Event,
    Logged,
    Running,
    SegmentEnded,
    SegmentPlaced,
    SegmentStarted,
    StudyCreated,
    StudyEnded,
    StudyState,
    StudyStatus,
    fold,
)
from orchestrator.search import Algorithm, make_algorithm
from orchestrator.store import Store
from orchestrator.trial.protocol import CheckpointRef, Resources, SegmentSpec
from orchestrator.trial.vault import vault_of
from reid_core.errors import Conflict, NotFound
from search_spaces.encoding import complete

__all__ = ["Controller"]

POLL_SECONDS = 0.2


class Controller:
    """Owns one study while it runs. `run` returns when the study ended, was paused, or was interrupted.

    `observer` sees every event right after it is durable. A controller that finds another one alive raises Conflict.
    `clock` (Unix seconds, for the log, limits of time and the lease) must not be set while it runs. Without one, log
    and limits go by a SteadyClock and the lease by the store's clock.
    """

    def __init__(
        self,
        store: Store,
        study: str,
        backend: Backend,
        *,
        directory: Path,
        resources: Resources,
        observer: Callable[[Logged, StudyState], None] | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._store, self._study, self._backend = store, study, backend
        self._directory, self._resources = directory, resources
        self._observer, self._clock = observer, clock or SteadyClock()
        self._lease_clock = clock or store.now  # machines agree on it where the store has a server
        self._owner = f"{socket.gethostname()}:{os.getpid()}"
        self._lease: Lease
        self._algorithm: Algorithm
        self._made_of: StudyCreated
        self._interrupted, self._hurried = "", False
        self._stops_now = False  # of the last stop that was heard: it does not wait for epochs
        self._shared = SharedSlots(store, study)
        self._silence = Silence(resources.silence)
        self._nodes = NodeTally()
        self._stopping: dict[int, bool] = {}  # whether a segment that was asked to stop is to do so within its epoch
        self._retention = Retention()
        self._saved: dict[int, CheckpointSaved] = {}
        self.state = StudyState()

    def interrupt(self, by: str, *, within: bool = False) -> None:
        """Pause the study after the running epochs, or `within` them; safe to call from a signal handler."""
        self._hurried, self._interrupted = self._hurried or within, by

    def run(self) -> StudyState:
        """Run the study until nothing is left to do here."""
        with held(self._store, self._study, self._owner, self._lease_clock) as self._lease:
            fold(self._store.events(self._study), self.state)
            if self.state.ended_at is None:  # else its log has its last word
                self._take_over()
                while self._turn():
                    pass
                self._retention.close()
        with suppress(NotFound):  # deleted as soon as it was at rest
            if self._store.pending(self._study):  # asked after the last look: nobody else would hear it
                write_aside(self._store, self._study, [], self._clock())
        return self.state

    def _take_over(self) -> None:
        self._algorithm, self._made_of = make_algorithm(self.created), self.created
        started = ControllerStarted(owner=self._owner, token=self._lease.token, workers=max(1, self._backend.slots))
        self._append([started])

    def _turn(self) -> bool:
        """Hear, decide and act once. Whether there is more to do."""
        self._hear()
        if self.created is not self._made_of:  # a command changed the plan or the limits
            self._algorithm, self._made_of = make_algorithm(self.created), self.created
        stopping, now = frozenset(self._stopping), self._clock()
        slots = self._shared.of(self._backend.slots)
        decision = decide(self._algorithm, self.state, slots, stopping, now)
        if decision is None:
            self._shared.tell(self._algorithm, self.state, self._backend.slots, stopping, now)
            self._backend.pump(self._on_message, POLL_SECONDS)
            for hung in self._silence.hung():
                self._backend.end(hung.segment, hung.outcome)
            return True
        if isinstance(decision, Finish) and self._store.pending(self._study):
            return True  # what was asked meanwhile may let it go on
        self._carry_out(decision)
        return not isinstance(decision, Finish)

    @property
    def created(self) -> StudyCreated:
        """The study's first event."""
        if self.state.created is None:
            raise Conflict(f"the log of study {self._study} does not begin with its creation")
        return self.state.created

    def _append(self, events: list[Event], taken: tuple[int, ...] = ()) -> None:
        now = self._clock()
        for logged in self._store.append(self._study, events, token=self._lease.token, at=now, taken=taken):
            self.state.apply(logged)
            self._nodes.apply(logged.event)
            if self._observer is not None:
                self._observer(logged, self.state)

    def _hear(self) -> None:
        """Notice a lost lease, take commands that other processes left, and an interrupt."""
        if self._lease.lost:
            raise Conflict(
                f"another controller took study {self.created.name} over", hint="follow it with `reid-tune status`"
            )
        for command in self._store.pending(self._study):
            self._append([command.command], taken=(command.id,))
            if command.command.command is CommandKind.STOP:
                self._stops_now = command.command.asked.now
        if self._interrupted:
            by, self._interrupted = self._interrupted, ""
            self._append([CommandGiven(command=CommandKind.PAUSE, by=by)])
        if self._at_once():
            for segment in [segment for segment, within in self._stopping.items() if not within]:
                self._stop(segment)

    def _carry_out(self, decision: Decision) -> None:
        match decision:
            case Suggest():
                self._suggest(decision)
            case Start():
                self._start(decision, [])
            case Stop(segment=segment):
                self._stop(segment)
            case Finish():
                self._finish(decision)

    def _stop(self, segment: int) -> None:
        self._stopping[segment] = self._at_once()
        self._backend.stop(segment, within=self._stopping[segment])

    def _at_once(self) -> bool:
        """Whether what is to pause does so within its epoch: this machine is about to go, or the service goes down.

        Or somebody stopped the study and waits for no epoch.
        """
        stops = self._stops_now and self.state.status is StudyStatus.STOPPED
        return stops or self._hurried or self.state.hurried or self.state.status is StudyStatus.QUEUED

    def _suggest(self, decision: Suggest) -> None:
        move = decision.move
        why = move.reason if move.parent is None else ""  # a fork's beginning looks like an advance, told twice
        self._start(Start(decision.trial, move.from_epoch, move.to_epoch, 1, why), [move.suggested(decision.trial)])

    def _start(self, start: Start, before: list[Event]) -> None:
        segment = self.state.segments + 1
        started = SegmentStarted(
            segment=segment,
            trial=start.trial,
            from_epoch=start.from_epoch,
            to_epoch=start.to_epoch,
            attempt=start.attempt,
            reason=start.reason,
        )
        self._append([*before, started])
        self._backend.start(self._spec(started))

    def _spec(self, started: SegmentStarted) -> SegmentSpec:
        trial, created = self.state.trials[started.trial], self.created
        start = beginning_of(self.state, trial)
        needed = needed_epochs(self.state)
        return SegmentSpec(
            study=self._study,
            trial=trial.id,
            segment=started.segment,
            config=complete(created.base, trial.values, created.space.tied),
            from_epoch=started.from_epoch,
            to_epoch=started.to_epoch,
            checkpoint=None if start is None else CheckpointRef(start.path, start.epoch, start.sha256),
            seed=created.seed if trial.seed is None else trial.seed,
            directory=str(self._directory / "trials" / f"{trial.id:04d}"),
            resources=self._resources,
            protocol=created.protocol,
            forked=start is not None and trial.checkpoint is None,
            keep=epochs_to_keep(self.state, trial, started.to_epoch, needed.get(trial.id, ())),
            costs=created.space.costs,
            measured=known_costs(self.state, trial),
            vault=vault_of(created.checkpoints, self._study, trial.id),
            instead=instead_of(self.state, trial),
            best=best_so_far(self.state, trial),
            micro_batches=micro_batches(trial),
        )

    def _on_message(self, message: Message) -> None:
        run = self.state.running.get(message.segment)
        if run is None:
            return  # a late word of a segment that this controller already gave up
        self._silence.heard(message.segment)
        match message:
            case Saved(checkpoint=saved) if saved.epoch in self.state.trials[run.trial].history:
                self._append([checkpoint_event(saved, run)])  # it was uploaded after its epoch was reported
                self._look(run.trial)
            case Saved(checkpoint=saved):
                self._saved[message.segment] = checkpoint_event(saved, run)
                return  # its epoch follows at once
            case Beat():
                pass
            case Placed(worker=worker):
                self._append([SegmentPlaced(segment=message.segment, trial=run.trial, worker=worker)])
            case Reported():
                uploaded = self._flush(message.segment)
                self._append([*report_events(message, run, self.state), *uploaded])
                if uploaded:
                    self._look(run.trial)
            case Ended():
                self._append([*self._unreported(message.segment, run), self._ended(message, run.trial)])
                self._quarantine()
                discard_others(self.state, self.state.trials[run.trial], needed_epochs(self.state))
                self._look(run.trial)
        self._between_epochs()

    def _quarantine(self) -> None:
        """Set a node aside on which segments keep failing for its own reasons."""
        unfit = self._nodes.unfit()
        if unfit is not None:
            self._append([unfit])
            self._backend.avoid(unfit.node)

    def _look(self, trial: int) -> None:
        """Let go of checkpoints under the study's URL that the policy does not keep."""
        if self.created.checkpoints:
            self._retention.look(self.state, self.state.trials[trial], needed_epochs(self.state))

    def _flush(self, segment: int) -> list[CheckpointSaved]:
        """The segment's newest checkpoint, which goes into the log together with its epoch or not at all."""
        saved = self._saved.pop(segment, None)
        return [] if saved is None else [saved]

    def _unreported(self, segment: int, run: Running) -> list[CheckpointSaved]:
        """A checkpoint saved within the segment's first epoch. One of an epoch whose word was lost does not count.

        A trial that went on from such a one would never train, or report, that epoch again.
        """
        return [saved for saved in self._flush(segment) if saved.epoch <= run.from_epoch]

    def _between_epochs(self) -> None:
        """The inline backend runs a whole segment inside `pump`: hear commands here too, and pass stops on."""
        self._hear()
        for segment in sorted(unwanted(self.state, self._clock()) - self._stopping.keys()):
            self._carry_out(Stop(segment))

    def _ended(self, message: Ended, trial: int) -> SegmentEnded:
        self._stopping.pop(message.segment, None)
        self._silence.forget(message.segment)
        return ended_event(message, self.state.trials[trial])

    def _finish(self, decision: Finish) -> None:
        if self.state.ended_at is None and decision.status.value in {"completed", "stopped", "failed"}:
            self._append([StudyEnded(status=decision.status, reason=decision.reason)])
