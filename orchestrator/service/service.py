"""Service: the functions behind every front end."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from functools import cache, partial
from pathlib import Path

from orchestrator.events import CommandGiven, CommandKind, StudyState, StudyStatus
from orchestrator.service.analysis.analyse import KeptAnalyses
from orchestrator.service.analysis.evidence import Evidence
from orchestrator.service.asking import ask
from orchestrator.service.command import command_of
from orchestrator.service.confined import Roots
from orchestrator.service.counts import StudyCounts
from orchestrator.service.create import Draft, draft, study_created
from orchestrator.service.daemon import record as daemon_record
from orchestrator.service.daemon.look import look
from orchestrator.service.daemon.view import DaemonView
from orchestrator.service.export import export_config
from orchestrator.service.home import Home
from orchestrator.service.kept import KeptStudies, KeptStudy
from orchestrator.service.machine import cores, gpu_count
from orchestrator.service.narrate import narrate
from orchestrator.service.plan_view import plan_view, space_view
from orchestrator.service.processes import controller_of, release_if_dead, spawn
from orchestrator.service.progress import picked, view_at, winner
from orchestrator.service.remote_log import follow_remote, remote_lines
from orchestrator.service.report import StudyReport, report_of
from orchestrator.service.trial_output import Output, follow, last_lines
from orchestrator.service.trial_verbs import TrialVerbs
from orchestrator.service.verbs import StudyVerbs
from orchestrator.service.views import (
    BestView,
    BoardView,
    EventView,
    MetricsView,
    PlanView,
    SpaceView,
    StepsView,
    StudyDetail,
    StudyRequest,
    StudySummary,
    TrialDetail,
    TrialRow,
)
from orchestrator.service.views_analysis import AnalysisView
from orchestrator.store import Store, StudyRow, open_store
from orchestrator.store.rules import check_unused
from orchestrator.trial.kept_logs import logs_of
from orchestrator.trial.vault import vault_of
from reid_core import api
from reid_core.config import from_values
from reid_core.errors import Conflict, NotFound, UsageError
from search_spaces import catalog
from search_spaces.measures import measures_of

__all__ = ["Service"]


@cache
def _catalog() -> tuple[SpaceView, ...]:
    """The spaces that are shipped; reading them takes a third of a second, and every page of the list names them."""
    return tuple(space_view(name) for name in catalog.names())


_RECENT = 10_000
"""Lines of a trial's log in which its newest segment is looked for."""
SHARED_AT_CREATION = "the request"
"""Who asked for the share that a study begins with."""


class Service(StudyVerbs, TrialVerbs):
    """Studies in one home folder. STUDY is a name, an id or `latest` everywhere. What changes one is in the verbs.

    Every method raises a subclass of reid_core.errors.ReidTuneError: NotFound, Conflict, InvalidInput, ...
    Safe to call from several threads.
    """

    def __init__(self, home: Path | None = None) -> None:
        self.home = Home(home.expanduser().resolve()) if home is not None else Home.default()
        self.home.ensure()
        self.store: Store = open_store(self.home.store)
        self.roots: Roots | None = None  # the folders that requests may name; None: any
        self._kept = KeptStudies()
        self._analyses = KeptAnalyses()

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()

    # spaces and plans -------------------------------------------------------
    def spaces(self) -> list[SpaceView]:
        """The catalog, by name."""
        return list(_catalog())

    def space(self, ref: str) -> SpaceView:
        """A space by catalog name, path, or YAML text."""
        return space_view(ref)

    def plan(self, request: StudyRequest, *, measure: bool = False) -> PlanView:
        """What `create` would plan for this request. Raises InvalidInput with every finding.

        `measure` times a few training steps when no earlier measurement of this recipe is known.
        """
        view = plan_view(self.draft(request), self.home, measure=measure)
        if measure and gpu_count():  # what was measured now may let trials share GPUs
            view = plan_view(self.draft(request), self.home, measure=False)
        return view

    def prepare(self, request: StudyRequest, *, progress: Callable[[int, int], None] | None = None) -> None:
        """Decode the request's images into this machine's cache, so that trials find them.

        `progress` hears (done, total). Raises InvalidInput naming the images that do not decode.
        """
        base = from_values(self.draft(request).base)
        api.prepare(base, protocol=request.protocol, threads=cores(), progress=progress)

    def draft(self, request: StudyRequest) -> Draft:
        """A request, checked. Raises InvalidInput with every finding, NotFound."""
        make = partial(draft, states=self.state, home=self.home)
        return make(request) if self.roots is None else self.roots.draft(request, make)

    def command(self, request: StudyRequest) -> str:
        """The `reid-tune run` command equal to this request."""
        return command_of(request)

    # studies ----------------------------------------------------------------
    def create(self, request: StudyRequest, by: str = "") -> StudySummary:
        """Validate, plan and record a new study, made by whom; nothing runs yet."""
        created = study_created(self.draft(request), self.home).model_copy(update={"by": by})
        try:
            self.store.create_study(created, time.time())
        except BaseException:
            shutil.rmtree(self.home.study(created.study), ignore_errors=True)  # the copies of its teachers
            raise
        return self.share(
            created.study,
            SHARED_AT_CREATION,
            max_slots=request.max_slots,
            priority=request.priority,
            weight=request.weight,
        )

    def check_new(self, name: str) -> None:
        """Raise Conflict when another study has the name: `create` would say so only after the plan."""
        check_unused({name}, name, self.store.studies())

    def launch(self, study: str, by: str = "", *, resumed: bool = False) -> StudySummary:
        """Start (or continue) a study in the background and return at once.

        It goes into the queue of the service; without one its controller starts at once, in a process of its own, and
        `resumed` is recorded first. An archived one is listed again: the service starts none that nobody sees.
        """
        row = self.store.find(study)
        self.check_free(row)
        if row.archived:
            ask(self.store, row.id, CommandGiven(command=CommandKind.UNARCHIVE, by=by), time.time())
        daemon = daemon_record.read(self.home)
        if daemon is None:
            if resumed and not self.take_up(row.id, by):
                return self._summary(row)  # somebody else's controller was faster, and hears of it
            log = self.home.study(row.id) / "controller.log"
            spawn("orchestrator.service.controller_process", [str(self.home.root), row.id], log)
        elif row.status is not StudyStatus.QUEUED or row.id in daemon.troubles:
            ask(self.store, row.id, CommandGiven(command=CommandKind.QUEUE, by=by), time.time())
        return self._summary(self.store.find(row.id))

    def trouble(self, study: str) -> str:
        """Why the service does not go on with the study; empty when it does, or is not up."""
        daemon = daemon_record.read(self.home)
        return "" if daemon is None else daemon.troubles.get(self.store.find(study).id, "")

    def is_served(self, study: str) -> bool:
        """Whether the next `reid-tune up` goes on with the study by itself, and none is up to do it now."""
        row = self.store.find(study)
        waits = row.status is StudyStatus.QUEUED or self.store.granted(row.id) is not None
        return waits and not row.archived and daemon_record.read(self.home) is None

    def daemon(self) -> DaemonView:
        """The service of this home: whether it is up, what runs in it and what waits."""
        return look(self.home, self.store, self.state)

    def check_free(self, row: StudyRow) -> None:
        """Raise Conflict when a live controller owns the study; a dead one's lease is removed, and its stop ends it."""
        holder = controller_of(self.store, row.id)
        if holder is None:
            release_if_dead(self.store, row.id)
            self._settle(row)
            return
        raise Conflict(
            f"study {row.name} is already run by {holder.owner} since {time.ctime(holder.since)}",
            hint=f"follow it with `reid-tune status {row.name}`, or stop it with `reid-tune studies stop {row.name}`",
        )

    def studies(self, *, archived: bool = False) -> list[StudySummary]:
        """The studies, newest first; with `archived` also those that are hidden."""
        rows = self.store.studies()
        self._kept.keep_only(row.id for row in rows)
        return [self._summary(row) for row in rows if archived or not row.archived]

    def summary(self, study: str) -> StudySummary:
        """The row of one study."""
        return self._summary(self.store.find(study))

    def study(self, study: str) -> StudyDetail:
        """One study with its trials."""
        row = self.store.find(study)
        alive, directory = self._alive(row), str(self.home.study(row.id))
        with self._use(row) as kept:
            return kept.detail(alive=alive, directory=directory, mlflow=self.home.mlflow_uri)

    def news(self, study: str, changed: Iterable[int] = ()) -> tuple[StudySummary, tuple[TrialRow, ...]]:
        """The study without the steps of its best so far, and the rows of these trials and of those that run."""
        row = self.store.find(study)
        alive = self._alive(row)
        with self._use(row) as kept:
            return kept.news(changed, alive=alive)

    def board(self, study: str) -> BoardView:
        """One study as its page draws it: every trial in columns, the curves of the best."""
        row = self.store.find(study)
        alive, directory = self._alive(row), str(self.home.study(row.id))
        with self._use(row) as kept:
            return kept.board(alive=alive, directory=directory, mlflow=self.home.mlflow_uri)

    def steps(self, study: str) -> StepsView:
        """The incumbent's objective each time it improved, and the epochs spent then."""
        with self._use(self.store.find(study)) as kept:
            return kept.steps()

    def trials(self, study: str) -> list[TrialRow]:
        """The trials of a study, by id."""
        row = self.store.find(study)
        alive = self._alive(row)
        with self._use(row) as kept:
            return list(kept.rows(alive=alive))

    def trial(self, study: str, trial: int) -> TrialDetail:
        """One trial in full."""
        row = self.store.find(study)
        alive = self._alive(row)
        with self._use(row) as kept:
            known = kept.state.trials
            if trial not in known:
                raise NotFound(f"study {row.name} has no trial {trial}", hint=f"it has {len(known)} trials so far")
            return kept.trial(trial, str(self._trial_folder(row.id, trial)), alive=alive)

    def trial_log(self, study: str, trial: int, lines: int = 200, output: Output = Output.LOG) -> list[str]:
        """The last lines of a trial's log, or of what its processes printed; empty when there are none.

        They come from its folder here or, where that lacks its newest segment, from the URL of the checkpoints. Raises
        ServerUnreachable when that does not answer.
        """
        path, url = self.log_places(study, trial, output)
        return (url and remote_lines(url, output, lines)) or last_lines(path, lines)

    def follow_log(self, study: str, trial: int, lines: int = 200, output: Output = Output.LOG) -> Iterator[str]:
        """The same lines and those that come, until the trial or its study has ended or rests."""

        def ended() -> bool:
            known = self.trial(study, trial).status in {"completed", "failed", "stopped"}
            going = {StudyStatus.CREATED, StudyStatus.QUEUED, StudyStatus.RUNNING}
            return known or self.study(study).status not in going

        path, url = self.log_places(study, trial, output)
        return follow_remote(url, output, lines, ended) if url else follow(path, lines, ended)

    def log_places(self, study: str, trial: int, output: Output) -> tuple[Path, str]:
        """A trial's file on this machine, and the URL to read instead: empty where the file has all, or there is none.

        The newest segment names itself in the log of the machine that it ran on.
        """
        row = self.store.find(study)
        found = self.trial(row.id, trial)
        created, folder = self._state(row).created, Path(found.directory)
        if created is None or not created.checkpoints:
            return folder / output, ""
        marks = [f" segment {one.segment}: " for one in found.segments[-1:]]
        if marks and any(marks[0] in line for line in last_lines(folder / Output.LOG, _RECENT)):
            return folder / output, ""
        return folder / output, logs_of(vault_of(created.checkpoints, row.id, trial))

    def metrics(self, study: str) -> MetricsView:
        """Every reported epoch, in columns."""
        columns = self.store.columns(self.store.find(study).id)
        return MetricsView(revision=columns.seq, trial=columns.trial, epoch=columns.epoch, metrics=columns.metrics)

    def events(self, study: str, after: int = 0) -> list[EventView]:
        """Events after a sequence number, told for people."""
        row = self.store.find(study)
        created = self._state(row).created
        measures = measures_of() if created is None else created.space.measures
        return [narrate(logged, measures) for logged in self.store.events(row.id, after=after)]

    def revision(self, study: str) -> int:
        """The number of events so far: cheap enough to poll several times a second."""
        return self.store.find(study).seq

    def written(self) -> object:
        """Another value after almost every write to the store; None where only `revision` tells."""
        return self.store.written()

    # winners ----------------------------------------------------------------
    def winner(self, study: str, *, pick: str = "", trial: int | None = None) -> BestView:
        """The trial to retrain: the best at its own last epoch. NotFound before any epoch is finished.

        `pick` is an objective: the one of the Pareto front that is best in it; `trial` names a trial. UsageError when
        trials were measured on the test split (what is chosen there is not measured any more), or when `pick` is no
        objective.
        """
        row = self.store.find(study)
        state = self._state(row)
        if state.created is not None and state.created.protocol is api.Protocol.TEST:
            message = f"study {row.name} measures the test split: nothing may be chosen on it"
            raise UsageError(message, hint=f"compare its rows with `reid-tune report {row.name}`, or name a trial")
        if trial is not None and trial not in state.trials:
            raise NotFound(f"study {row.name} has no trial {trial}", hint=f"it has {len(state.trials)} trials so far")
        chosen = winner(state) if trial is None else view_at(state, trial)
        if pick:
            chosen = picked(state, pick)
        if chosen is None:
            raise NotFound(f"study {row.name} has no finished epoch yet", hint=f"see `reid-tune status {row.name}`")
        return chosen

    def report(self, study: str, metrics: Sequence[str] = (), *, most: int = 10) -> StudyReport:
        """A study as a table: its rows over their seeds, or in a space without rows its best `most` trials.

        `metrics` are its columns; none: those that its task shows. UsageError for one that no trial reports.
        """
        row = self.store.find(study)
        return report_of(self._state(row), self._summary(row).status, metrics, most=most)

    def analysis(self, study: str, objective: int = 0) -> AnalysisView:
        """What the results say of one objective: importance, dependence, what the model believes, expected gain.

        Takes a second for 12 trials and several for 1,000; kept until the study goes on. UsageError: no such objective.
        """
        row = self.store.find(study)

        def read() -> Evidence:
            with self._use(row) as kept:
                return Evidence.of(kept.state, objective)

        return self._analyses.get(row.id, objective, row.seq, read)

    def export_config(self, study: str, trial: int | None = None) -> str:
        """The complete configuration of a trial (default: the winner) as a YAML file for `reid-tune train`."""
        chosen = trial if trial is not None else self.winner(study).trial
        return export_config(self.trial(study, chosen))

    def counts(self, row: StudyRow) -> StudyCounts:
        """What a study's log adds up to."""
        with self._use(row) as kept:
            return StudyCounts.of(kept)

    # inside -----------------------------------------------------------------
    def state(self, study: str) -> StudyState:
        """The folded state, for the commands that follow a study in this process."""
        return self._state(self.store.find(study))

    def _use(self, row: StudyRow) -> AbstractContextManager[KeptStudy]:
        """What is known of a study, up to date, while nobody else changes it."""
        return self._kept.use(row.id, partial(self.store.events, row.id))

    def _state(self, row: StudyRow) -> StudyState:
        with self._use(row) as kept:
            return kept.state

    def _summary(self, row: StudyRow) -> StudySummary:
        return self._kept.summary(row.id, row.seq, partial(self.store.events, row.id), alive=self._alive(row))

    def _alive(self, row: StudyRow) -> bool:
        return controller_of(self.store, row.id) is not None

    def _trial_folder(self, study: str, trial: int) -> Path:
        return self.home.study(study) / "trials" / f"{trial:04d}"
