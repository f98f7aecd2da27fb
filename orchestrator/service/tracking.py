"""MLflow beside a study: projecting its log, waiting for the projection, and its UI."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import urlsplit

from orchestrator.service.following import while_held
from orchestrator.service.home import Home
from orchestrator.service.secrets import redacted
from orchestrator.service.service import Service
from orchestrator.tracking import MlflowProjection, SyncReport, run_link, sync, ui_command
from reid_core.errors import NotFound, ServerUnreachable, UsageError

__all__ = ["CURSOR", "follow_study", "is_tracked", "mlflow_command", "run_page", "sync_study", "wait_for_tracking"]

CURSOR = "mlflow"


def sync_study(service: Service, study: str, *, follow: Callable[[], bool] | None = None) -> SyncReport:
    """Write whatever MLflow misses of a study; with `follow`, go on while it is true."""
    row = service.store.find(study)
    home = service.home
    projection = MlflowProjection(home.mlflow_uri, row.id, row.name, artifacts=_artifacts(home))
    return sync(
        lambda after: service.store.events(row.id, after=after),
        lambda: service.store.cursor(row.id, CURSOR),
        lambda seq: service.store.set_cursor(row.id, CURSOR, seq),
        projection,
        follow=follow,
    )


def follow_study(service: Service, study: str) -> SyncReport:
    """Project a study while a controller holds it, then everything that is left."""
    row = service.store.find(study)
    return sync_study(service, row.id, follow=while_held(service.store, row.id))


def wait_for_tracking(
    service: Service, study: str, seconds: float, *, following: Callable[[], bool] = lambda: True
) -> str:
    """Wait until MLflow has every event; what it misses in words, or an empty string.

    At most `seconds`, and only while `following()`: the process that writes to MLflow is still there.
    """
    row = service.store.find(study)
    end = time.monotonic() + seconds
    while True:
        working = following() and time.monotonic() < end  # asked first: what it wrote last is counted below
        missing = service.store.last_seq(row.id) - service.store.cursor(row.id, CURSOR)
        if missing <= 0:
            return ""
        if not working:
            return f"{missing} event{'s' * (missing != 1)}"
        time.sleep(0.2)


def is_tracked(service: Service, study: str) -> bool:
    """Whether MLflow has anything of a study."""
    return service.store.cursor(service.store.find(study).id, CURSOR) > 0


def run_page(service: Service, study: str, trial: int) -> str:
    """The address of a trial's run in the pages of MLflow's server, without the name and password of ours.

    Raises NotFound where MLflow is no server or has no such run, ServerUnreachable where it does not answer.
    """
    row, uri = service.store.find(study), service.home.mlflow_uri
    if not uri.startswith(("http://", "https://")):
        raise NotFound("MLflow is no server here", hint="`reid-tune mlflow ui` opens its pages")
    found = MlflowProjection(uri, row.id, row.name).run_of(trial)
    if found is None:
        hint = f"`reid-tune mlflow sync {row.name}` writes what it misses"
        raise NotFound(f"MLflow has no run of trial {trial} of study {row.name}", hint=hint)
    parts = urlsplit(uri)
    return run_link(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl(), *found)


def mlflow_command(home: Home, port: int) -> list[str]:
    """The command that serves MLflow's pages on the home's store. Raises NotFound before the first study."""
    command = ui_command(home.mlflow_uri, port=port)
    if command is None:
        raise UsageError(f"MLflow runs elsewhere: open {redacted(home.mlflow_uri)} in a browser")
    if home.mlflow_uri.startswith("sqlite:") and not (home.root / "mlflow.db").exists():
        raise NotFound(
            "nothing has been recorded in MLflow yet", hint="run a study first, or `reid-tune mlflow sync STUDY`"
        )
    return command


def raise_if_incomplete(report: SyncReport) -> None:
    """ServerUnreachable when MLflow does not have everything."""
    if not report.complete:
        raise ServerUnreachable(str(report), hint="run `reid-tune mlflow sync` again when MLflow can be written")


def _artifacts(home: Home) -> str:
    return str(home.mlflow_artifacts) if home.mlflow_uri.startswith("sqlite:") else ""
