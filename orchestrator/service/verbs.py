"""What people do to a study: asked once or twice, it is done once; everything is recorded with who and when.

With a live controller a command waits in its inbox; else it is recorded at once (orchestrator/service/asking.py).
"""

from __future__ import annotations

import shutil
import time
from abc import ABC, abstractmethod

from orchestrator.control.aside import unfinished_stop
from orchestrator.events import NO_LIMIT, Asked, CommandGiven, CommandKind, StudyCreated, StudyState, StudyStatus
from orchestrator.service.asking import ask, ask_on, record
from orchestrator.service.audit import Audit, AuditEntry
from orchestrator.service.cloning import cloned
from orchestrator.service.comparing import difference
from orchestrator.service.confined import Roots
from orchestrator.service.daemon import record as daemon_record
from orchestrator.service.home import Home
from orchestrator.service.limits import changed_limits, limit_views, reopened
from orchestrator.service.overlaid import overlaid
from orchestrator.service.processes import release_if_dead
from orchestrator.service.replan import extension, refuse_longer
from orchestrator.service.tags import changed_tags
from orchestrator.service.vaults import emptied
from orchestrator.service.views import StudySummary
from orchestrator.service.views_acting import (
    Acted,
    CloneRequest,
    Deleted,
    ExtendRequest,
    LimitsRequest,
    StudyDifference,
    TagRequest,
)
from orchestrator.store import Store, StudyRow
from reid_core.errors import Conflict, ReidTuneError, UsageError

__all__ = ["ENDED", "Asking", "StudyVerbs"]

ENDED = frozenset({StudyStatus.COMPLETED, StudyStatus.STOPPED, StudyStatus.FAILED})


class Asking(ABC):
    """The ground that verbs stand on: a store, a home, and how a command reaches a study."""

    home: Home
    store: Store
    roots: Roots | None

    @abstractmethod
    def launch(self, study: str, by: str = "", *, resumed: bool = False) -> StudySummary:
        """Start (or continue, `resumed`) a study in the background and return at once."""

    @abstractmethod
    def _state(self, row: StudyRow) -> StudyState:
        """The folded state."""

    @abstractmethod
    def _alive(self, row: StudyRow) -> bool:
        """Whether a controller runs the study."""

    @abstractmethod
    def _summary(self, row: StudyRow) -> StudySummary:
        """The row of the study."""

    def _found(self, study: str) -> tuple[StudyRow, StudyState, StudyCreated]:
        """A study as it is once what waits in its inbox is heard; while nobody runs it, that is done at once."""
        row = self.store.find(study)
        if not self._alive(row):
            row = self._settle(row)
        return self._read(row, overlaid(self._state(row), self.store.pending(row.id)))

    def _settle(self, row: StudyRow) -> StudyRow:
        """Let a study that nobody runs hear its inbox, and end where it was asked to stop."""
        if self.store.pending(row.id) or unfinished_stop(self.store, row.id) is not None:
            record(self.store, row.id, [], time.time())
        return self.store.find(row.id)

    def _read(self, row: StudyRow, state: StudyState) -> tuple[StudyRow, StudyState, StudyCreated]:
        if state.created is None:
            raise Conflict(f"the log of study {row.name} does not begin with its creation")
        return row, state, state.created

    def _ask(self, row: StudyRow, command: CommandGiven, told: str, later: str = "", *, hint: str = "") -> Acted:
        """Ask, and say what came of it; `later` is told instead where a controller hears it in a moment."""
        now = ask(self.store, row.id, command, time.time())
        return self._acted(row, told if now else later or f"{told} (its controller hears it in a moment)", hint=hint)

    def _acted(self, row: StudyRow, told: str, *, changed: bool = True, hint: str = "") -> Acted:
        return Acted(**dict(self._summary(self.store.find(row.id))), changed=changed, told=told, hint=hint)

    def _nothing(self, row: StudyRow, told: str) -> Acted:
        return self._acted(row, told, changed=False)


class StudyVerbs(Asking):
    """The verbs of studies."""

    def pause(self, study: str, by: str = "") -> Acted:
        """Ask for a pause: running segments finish their epoch and save."""
        row, state, _ = self._found(study)
        if state.status in ENDED:
            return self._nothing(row, _over(state))
        command = CommandGiven(command=CommandKind.PAUSE, by=by)
        if state.status is StudyStatus.PAUSED:
            return self._nothing(row, "was asked to pause already")
        hint = f"continue with `reid-tune studies resume {row.name}`"
        return self._ask(row, command, "rests", "asked to pause", hint=hint)

    def resume(self, study: str, by: str = "") -> Acted:
        """Take a paused or interrupted study up again; launches a controller when none runs, once that is recorded."""
        row, state, _ = self._found(study)
        if state.status in ENDED and not self._alive(row):
            hint = f"`reid-tune studies extend {row.name}` lets it go on, or start a new one with `reid-tune run`"
            raise Conflict(f"study {row.name} is {state.status}", hint=hint)
        follow = f"follow it with `reid-tune status {row.name} --watch`"
        if self._alive(row):
            if state.status is StudyStatus.RUNNING:
                return self._acted(row, "runs already", changed=False, hint=follow)
            if not ask(self.store, row.id, CommandGiven(command=CommandKind.RESUME, by=by), time.time()):
                return self._acted(row, "goes on (its controller hears it in a moment)", hint=follow)
        queued = self.launch(row.id, by, resumed=True).status is StudyStatus.QUEUED
        changed = self.store.last_seq(row.id) > row.seq
        if queued and daemon_record.read(self.home) is not None:
            return self._acted(row, "waits in the queue of the service", changed=changed, hint=follow)
        return self._acted(row, "continues in the background", changed=changed, hint=follow)

    def take_up(self, study: str, by: str = "") -> bool:
        """Record, once, who lets a study go on that nobody runs yet; False where somebody does. Nothing if it ended."""
        row = self.store.find(study)
        return self._state(row).ended_at is not None or ask_on(self.store, row.id, by, time.time())

    def stop(self, study: str, by: str = "", *, at_rung: bool = False, now: bool = False) -> Acted:
        """Ask for the end: nothing new starts; what runs finishes its epoch, or `at_rung` goes on to its rung.

        `now` does not wait for the epoch: what runs saves in the middle of it. UsageError for both. A study that nobody
        runs has ended when this returns.
        """
        if at_rung and now:
            raise UsageError("a study stops now or at its rungs, not both", hint="leave one of them out")
        row, state, _ = self._found(study)
        if state.ended_at is not None:
            return self._nothing(row, _over(state))
        command = CommandGiven(command=CommandKind.STOP, by=by, asked=Asked(at_rung=at_rung, now=now))
        sooner = (not at_rung and state.at_rung) or (now and not self._stops_now(row))
        if state.status is StudyStatus.STOPPED and not sooner:
            return self._nothing(row, "was asked to stop already")
        when = "when what runs has reached its rung" if at_rung else "after the running epochs"
        when = "within the running epochs" if now else when
        if not ask(self.store, row.id, command, time.time()):
            return self._acted(row, f"asked to stop; it ends {when}")
        status = self.store.find(row.id).status
        if status is not StudyStatus.STOPPED:
            return self._acted(row, f"has ended already: {status}")
        return self._acted(row, "has ended", hint=f"see the winner with `reid-tune best {row.name}`")

    def _stops_now(self, row: StudyRow) -> bool:
        """Whether a study that is about to stop was asked not to wait for its epochs."""
        heard = unfinished_stop(self.store, row.id)
        asked = [one.command for one in self.store.pending(row.id)] + ([] if heard is None else [heard])
        return any(one.command is CommandKind.STOP and one.asked.now for one in asked)

    def archive(self, study: str, by: str = "") -> Acted:
        """Hide a study that nobody runs from the list of studies. Conflict while it is being run, or waits for it."""
        row, state, _ = self._found(study)
        if state.archived:
            return self._nothing(row, "is archived already")
        if self._alive(row):
            hint = f"pause or stop it first: `reid-tune studies pause {row.name}`"
            raise Conflict(f"study {row.name} is being run: only one at rest can be archived", hint=hint)
        if state.status is StudyStatus.QUEUED:
            hint = f"take it out first: `reid-tune studies pause {row.name}`"
            raise Conflict(f"study {row.name} waits in the queue: only one at rest can be archived", hint=hint)
        hint = "`reid-tune studies ls --all` still lists it"
        return self._ask(row, CommandGiven(command=CommandKind.ARCHIVE, by=by), "archived", hint=hint)

    def unarchive(self, study: str, by: str = "") -> Acted:
        """List a study again."""
        row, state, _ = self._found(study)
        if not state.archived:
            return self._nothing(row, "is not archived")
        return self._ask(row, CommandGiven(command=CommandKind.UNARCHIVE, by=by), "is listed again")

    def delete(self, study: str, by: str = "", *, keep_files: bool = False) -> Deleted:
        """Remove a study and everything recorded about it; unless `keep_files` its folder and its checkpoints' URL too.

        Conflict while a live controller runs it. What other studies learned from it they have copied. Its log goes too:
        with `by` the deletion is a line of the audit log; the web server writes its own.
        """
        row, _, created = self._found(study)
        release_if_dead(self.store, row.id)
        self.store.delete_study(row.id, now=self.store.now())
        if by:
            told = AuditEntry.model_validate({"at": time.time(), "what": "delete", "who": by, "study": row.name})
            Audit(self.home.audit).write(told)
        kept = created.checkpoints and f"{created.checkpoints}/{row.id}"
        if not keep_files and emptied(created.checkpoints, row.id):
            kept = ""
        folder = self.home.study(row.id)
        if not keep_files and folder.exists():
            try:
                shutil.rmtree(folder)
            except OSError as error:
                message = f"study {row.name} is deleted, but its folder {folder} is not: {error.strerror}"
                raise ReidTuneError(message, hint="delete the folder by hand") from error
        return Deleted(
            id=row.id,
            name=row.name,
            files=str(folder) if keep_files and folder.exists() else "",
            elsewhere=kept,
        )

    def clone(self, study: str, request: CloneRequest, by: str = "") -> Acted:
        """Record a new study made as this one is now; nothing runs yet unless the request says so."""
        row, _, created = self._found(study)
        if self.roots is not None:
            self.roots.check_changes(created.base, request.set, "--set")
        made = cloned(created, request, self.home).model_copy(update={"by": by})
        try:
            self.store.create_study(made, time.time())
        except BaseException:
            shutil.rmtree(self.home.study(made.study), ignore_errors=True)  # the copies of its teachers
            raise
        note = CommandGiven(command=CommandKind.NOTE, by=by, asked=Asked(text=f"clone of {row.name} ({row.id})"))
        ask(self.store, made.study, note, time.time())
        new = self.store.find(made.study)
        if request.launch:
            self.launch(new.id, by)
            return self._acted(new, f"a clone of {row.name}, runs in the background")
        return self._acted(new, f"a clone of {row.name}", hint=f"start it with `reid-tune studies resume {new.name}`")

    def diff(self, first: str, second: str) -> StudyDifference:
        """Everything in which two studies differ: space, configuration, plan, data, limits, search, versions."""
        rows = (self.store.find(first), self.store.find(second))
        one, other = (self._read(row, self._state(row))[2] for row in rows)
        return difference(one, other)

    def extend(self, study: str, request: ExtendRequest, by: str = "") -> Acted:
        """More trials, more epochs; an ended study rests afterwards and can be resumed.

        UsageError where nothing can be added, Conflict where a limit would end the study at once.
        """
        row, state, created = self._found(study)
        refuse_longer(request.max_epochs, created)
        ended = state.ended_at is not None
        hint = "" if self._alive(row) else f"go on with `reid-tune studies resume {row.name}`"
        if request.trials is None and request.epochs is None:
            if not ended:
                raise UsageError(f"study {row.name} has not ended", hint="say how much more: --trials N or --epochs N")
            return self._ask(row, CommandGiven(command=CommandKind.EXTEND, by=by), "rests again", hint=hint)
        if state.status is StudyStatus.STOPPED and not ended:
            raise Conflict(f"study {row.name} is about to stop", hint="extend it when it has ended")
        more = extension(state, created, request.trials, request.epochs)
        limits = None if more.limits == created.limits else more.limits
        command = CommandGiven(command=CommandKind.EXTEND, by=by, asked=Asked(plan=more.plan, limits=limits))
        return self._ask(row, command, f"has {more.told} from now on", hint=hint)

    def change_limits(self, study: str, request: LimitsRequest, by: str = "") -> Acted:
        """Other limits from now on. A study that one of the old limits ended can be resumed when the new ones allow."""
        row, state, created = self._found(study)
        limits = changed_limits(created, request)
        words = ", ".join(view.text for view in limit_views(limits, state)) or "none"
        if limits == created.limits:
            return self._nothing(row, f"has these limits already: {words}")
        kind = CommandKind.EXTEND if reopened(state, limits) else CommandKind.LIMITS
        command = CommandGiven(command=kind, by=by, asked=Asked(limits=limits))
        hint = f"go on with `reid-tune studies resume {row.name}`" if kind is CommandKind.EXTEND else ""
        return self._ask(row, command, f"limits from now on: {words}", hint=hint)

    def share(
        self,
        study: str,
        by: str = "",
        *,
        max_slots: int | None = None,
        priority: int | None = None,
        weight: float | None = None,
    ) -> Acted:
        """Change the study's share of the service's slots, from now on; None leaves a value as it is.

        `max_slots` 0 lifts the limit.
        """
        row, state, _ = self._found(study)
        if state.ended_at is not None:
            return self._nothing(row, f"has ended already: {state.status}")
        wanted = {"max_slots": NO_LIMIT if max_slots == 0 else max_slots, "priority": priority, "weight": weight}
        now = {"max_slots": state.max_slots or NO_LIMIT, "priority": state.priority, "weight": state.weight}
        new = {name: value for name, value in wanted.items() if value not in {None, now[name]}}
        told = ", ".join(_shared(name, value) for name, value in wanted.items() if value is not None)
        command = CommandGiven(command=CommandKind.SHARE, by=by, asked=Asked.model_validate(new))
        if not new:
            return self._nothing(row, f"has this share already: {told}")
        return self._ask(row, command, f"its share from now on: {told}")

    def note(self, study: str, text: str, by: str = "") -> Acted:
        """Write a note beside a study, in place of the one before; an empty text takes it away."""
        row, state, _ = self._found(study)
        command = CommandGiven(command=CommandKind.NOTE, by=by, asked=Asked(text=text.strip()))
        if state.note == text.strip():
            return self._nothing(row, "has this note already" if text.strip() else "has no note")
        return self._ask(row, command, "note written" if text.strip() else "note taken away")

    def tag(self, study: str, request: TagRequest, by: str = "") -> Acted:
        """Add tags and take tags away. UsageError for a tag that is empty, too long, or has a comma or a line break."""
        row, state, _ = self._found(study)
        tags = changed_tags(state.tags, request)
        words = ", ".join(tags) or "none"
        command = CommandGiven(command=CommandKind.TAG, by=by, asked=Asked(tags=tags))
        if tags == state.tags:
            return self._nothing(row, f"has these tags already: {words}")
        return self._ask(row, command, f"tags: {words}")


def _over(state: StudyState) -> str:
    return f"has ended already: {state.status}" if state.ended_at is not None else "was asked to stop already"


def _shared(name: str, value: float) -> str:
    return "no limit of slots" if (name, value) == ("max_slots", NO_LIMIT) else f"{name.replace('_', ' ')} {value:g}"
