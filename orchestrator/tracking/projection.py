"""Writing the changes of a study to MLflow: one experiment a study, a parent run, one child run a trial."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator.events import Logged
from orchestrator.tracking.changes import PARENT_TAG, STUDY_TAG, TRIAL_TAG, Point, RunChange
from orchestrator.tracking.translation import Translation
from reid_core.errors import ServerUnreachable, UsageError

if TYPE_CHECKING:
    from mlflow.entities import Experiment, Metric
    from mlflow.tracking import MlflowClient

__all__ = ["MlflowProjection", "sqlite_path"]

_T = TypeVar("_T")

_METRICS, _PARAMS, _TAGS = 800, 100, 100  # MLflow takes 1,000 things in a batch, 100 of them parameters and 100 tags
_SQLITE = "sqlite:///"


class MlflowProjection:
    """One study's log written to the MLflow at `uri`, into an experiment of the study's `name`.

    `study` is the study's id; everything is found again by it, so nothing is kept here between processes.
    `artifacts` is where MLflow's artifacts go (a folder or URL; "": beside a SQLite file, else the server's own).
    Not for two writers at once: each would make the runs that it does not find.

    The same event always gives the same points, parameters and tags, and MLflow's databases keep a point
    that is written twice once: events may be fed again from any place. Raises ServerUnreachable when
    MLflow cannot be written; what could not be written is kept and goes out with the next `feed`.
    """

    def __init__(self, uri: str, study: str, name: str, *, artifacts: str = "") -> None:
        if "://" not in uri or uri.startswith("file:"):
            raise UsageError(
                f"MLflow's file store {uri!r} cannot be used: it records a repeated point twice",
                hint="give a database (sqlite:///FILE) or a server (http://HOST:PORT)",
            )
        self.uri, self.study, self.name = uri, study, name
        path = sqlite_path(uri)
        self.artifacts = artifacts or (str(path.parent / "mlartifacts") if path is not None else "")
        self._translation = Translation()
        self._client: MlflowClient | None = None
        self._experiment = ""
        self._runs: dict[int | None, str] = {}

    def recall(self, log: Iterable[Logged]) -> None:
        """Take note of events that were written by an earlier feed, in another process perhaps."""
        for logged in log:
            if logged.seq > self._translation.state.seq:
                self._translation.remember(logged)

    def feed(self, log: Sequence[Logged]) -> None:
        """Write what follows from these events. Those fed or recalled before are skipped; a gap is a ValueError."""
        for logged in log:
            if logged.seq > self._translation.state.seq:
                self._translation.translate(logged)
        changes = self._translation.changes
        with self._reached() as client:
            for trial in sorted(changes, key=lambda key: -1 if key is None else key):
                self._write(client, changes[trial])
                del changes[trial]

    def exists(self) -> bool:
        """Whether MLflow has this study's experiment. When it has not, everything is to be fed from the beginning."""
        with self._reached() as client:
            return self._find_experiment(client) is not None

    def run_of(self, trial: int) -> tuple[str, str] | None:
        """MLflow's ids of the study's experiment and of the run of a trial; None where it has no such run."""
        with self._reached() as client:
            found = self._find_experiment(client)
            if found is None:
                return None
            wanted = f"tags.`{STUDY_TAG}` = '{self.study}' and tags.`{TRIAL_TAG}` = '{trial}'"
            runs = client.search_runs([found.experiment_id], wanted, max_results=1)
            return (str(found.experiment_id), runs[0].info.run_id) if runs else None

    @property
    def experiment_id(self) -> str:
        """MLflow's id of the experiment; empty before anything was written."""
        return self._experiment

    @contextlib.contextmanager
    def _reached(self) -> Iterator[MlflowClient]:
        path = sqlite_path(self.uri)
        try:
            if path is not None:
                _check_writable(path)
            if self._client is None:
                self._client = _connect(self.uri)
            yield self._client
        except Exception as error:
            # MLflow lets through the errors of every library below it: databases, HTTP, object stores.
            reason = str(error).strip().splitlines() or [type(error).__name__]
            raise ServerUnreachable(
                f"MLflow at {self.uri} cannot be written: {reason[0]}",
                hint="the study goes on without it; `reid-tune mlflow sync STUDY` fills the gap later",
            ) from error

    # finding and making -----------------------------------------------------
    def _find_experiment(self, client: MlflowClient) -> Experiment | None:
        for name in self._names():
            found = client.get_experiment_by_name(name)
            if found is not None and found.tags.get(STUDY_TAG) == self.study:
                return found
        return None

    def _names(self) -> tuple[str, str]:
        """The study's name, or with its id when another experiment has that name."""
        return self.name, f"{self.name} ({self.study})"

    def _open(self, client: MlflowClient) -> None:
        """Find the experiment and its runs by their tags, or make the experiment."""
        if self._experiment:
            return
        found = self._find_experiment(client)
        if found is not None:
            if found.lifecycle_stage == "deleted":
                client.restore_experiment(found.experiment_id)
            self._runs = self._find_runs(client, found.experiment_id)
            self._experiment = str(found.experiment_id)
            return
        name = next(name for name in self._names() if client.get_experiment_by_name(name) is None)
        location = f"{self.artifacts}/{self.study}" if self.artifacts else None
        self._experiment = str(client.create_experiment(name, location, {STUDY_TAG: self.study}))

    def _find_runs(self, client: MlflowClient, experiment: str) -> dict[int | None, str]:
        runs: dict[int | None, str] = {}
        page = None
        while True:
            found = client.search_runs([experiment], order_by=["attributes.start_time DESC"], page_token=page)
            for run in found:
                trial = run.data.tags.get(TRIAL_TAG)
                if run.data.tags.get(STUDY_TAG) == self.study:
                    runs[None if trial is None else int(trial)] = run.info.run_id
            page = found.token
            if not page:
                return runs

    def _run(self, client: MlflowClient, change: RunChange) -> str:
        if change.trial not in self._runs:
            tags = {STUDY_TAG: self.study}  # what finds the run again is there from its first moment
            if change.trial is not None:
                tags |= {TRIAL_TAG: str(change.trial), PARENT_TAG: self._parent(client)}
            run = client.create_run(self._experiment, change.started_ms, tags, change.name)
            self._runs[change.trial] = run.info.run_id
        return self._runs[change.trial]

    def _parent(self, client: MlflowClient) -> str:
        if None not in self._runs:
            created_ms = round(self._translation.state.created_at * 1000)
            return self._run(client, RunChange(None, self.name, created_ms))
        return self._runs[None]

    # writing ----------------------------------------------------------------
    def _write(self, client: MlflowClient, change: RunChange) -> None:
        from mlflow.entities import Param, RunTag  # noqa: PLC0415 - mlflow takes seconds to import

        self._open(client)
        run = self._run(client, change)
        batches = zip_longest(
            _sliced([_metric(point) for point in change.points], _METRICS),
            _sliced([Param(key, value) for key, value in change.params.items()], _PARAMS),
            _sliced([RunTag(key, value) for key, value in change.tags.items()], _TAGS),
            fillvalue=(),
        )
        for metrics, params, tags in batches:
            client.log_batch(run, metrics, params, tags)
        for path, text in change.texts.items():
            client.log_text(run, text, path)
        for file, folder in change.files.items():
            if Path(file).is_file():
                client.log_artifact(run, file, folder)
            else:
                client.set_tag(run, "reid_tune.missing_checkpoint", file)
        if change.status is not None and change.status.terminal:
            client.set_terminated(run, change.status.value, change.at_ms)
        elif change.status is not None:
            client.update_run(run, change.status.value)


def sqlite_path(uri: str) -> Path | None:
    """The file of a sqlite:/// address, None for any other."""
    return Path(uri.removeprefix(_SQLITE).partition("?")[0]) if uri.startswith(_SQLITE) else None


def _connect(uri: str) -> MlflowClient:
    # Read by mlflow when it is imported; a person who sets them differently keeps their own.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    os.environ.setdefault(
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2"
    )  # mlflow's own 7 hold a call for minutes; sync retries
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - takes seconds, and most commands never need it

    return MlflowClient(tracking_uri=uri, registry_uri=uri)


def _check_writable(path: Path) -> None:
    """MLflow itself tries an address that cannot be opened for minutes before it says so."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.closing(sqlite3.connect(path, timeout=5.0, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("ROLLBACK")


def _metric(point: Point) -> Metric:
    from mlflow.entities import Metric  # noqa: PLC0415 - mlflow takes seconds to import

    return Metric(point.key, point.value, point.at_ms, point.step)


def _sliced(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
