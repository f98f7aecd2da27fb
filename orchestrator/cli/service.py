"""`reid-tune up` and `down`: the service that runs many studies, and how it shows itself."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.command import Command
from orchestrator.cli.output import console, counted, duration, json_option, print_json, table

if TYPE_CHECKING:
    from orchestrator.service.daemon.settings import Settings
    from orchestrator.service.daemon.view import DaemonView, QueuedView, ServedView

__all__ = ["down_command", "print_service", "up_command"]


@click.command("up", cls=Command)
@click.option(
    "--slots",
    type=click.IntRange(min=1),
    metavar="N",
    help="Trials side by side, of all studies together. Default: one per GPU, or by the cores.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address of the pages, as for `serve`.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8300, show_default=True, help="Port; 0 picks a free one."
)
@click.option("--token", envvar="REID_TUNE_TOKEN", default="", help="As for `serve`. Also REID_TUNE_TOKEN.")
@click.option("--login", is_flag=True, help="As for `serve`.")
@click.option("--behind-proxy", is_flag=True, help="As for `serve`.")
@click.option("--data-root", "data_roots", multiple=True, metavar="DIR", help="As for `serve`. Repeatable.")
@click.option("--no-web", is_flag=True, help="Without pages and HTTP API.")
@click.option("--no-mlflow", is_flag=True, help="Do not record studies in MLflow now (`mlflow sync` can later).")
@click.option(
    "--backend",
    type=click.Choice(["processes", "ray"]),
    default="processes",
    show_default=True,
    help="Where studies for Ray run that name no cluster: here side by side, or each on a Ray of its own.",
)
@click.option("--ray-address", default="", metavar="ADDRESS", help="The Ray cluster for studies that name none.")
@click.option("--foreground", is_flag=True, help="Stay in this terminal, as systemd and containers want it.")
@json_option
def up_command(slots: int | None, *, foreground: bool, as_json: bool, **options: Any) -> int:
    """Bring the service up: it runs many studies on shared slots, and serves the pages.

    Studies come from `run --detach` and from the pages. They queue, share the slots by weight and priority, and are
    started again when their controller dies. A service that is up already is left as it is.

    Examples:
      reid-tune up
      reid-tune up --slots 4 --port 8080
      reid-tune up --host 0.0.0.0 --token "$(openssl rand -hex 16)"
      reid-tune up --foreground --no-web
    """
    from orchestrator.service.daemon.start import up
    from orchestrator.service.home import Home
    from orchestrator.service.service import Service

    token: str = options.pop("token")
    settings = _settings(slots, options)
    if foreground:
        return _stay(settings, token)
    found, begun = up(Home.default(), settings, token)
    if as_json:
        print_json(Service().daemon())
        return 0
    pages = f", pages on {found.url}" if found.url else ""
    is_up = "is up" if begun else f"is up already (since {_clock(found.started)})"
    click.echo(f"the service {is_up}: {counted(found.slots, 'slot')}{pages}, process {found.pid} on {found.machine}")
    click.echo("  add a study with `reid-tune run --detach --space ...`; look with `reid-tune status`", err=True)
    if not begun and slots not in {None, found.slots}:
        click.echo(f"  it keeps its {found.slots} slots: `reid-tune down`, then up again, to change them", err=True)
    return 0


def _settings(slots: int | None, options: dict[str, Any]) -> Settings:
    from orchestrator.service.daemon.settings import Settings

    web, mlflow = not options.pop("no_web"), not options.pop("no_mlflow")
    given = {"slots": slots} if slots is not None else {}
    return Settings(web=web, mlflow=mlflow, **options, **given)


def _stay(settings: Settings, token: str) -> int:
    """Be the daemon in this process, with its log on standard error."""
    import os

    from orchestrator.service import logs
    from orchestrator.service.daemon.process import run_daemon
    from orchestrator.service.daemon.settings import TOKEN
    from orchestrator.service.home import Home

    if token:
        os.environ[TOKEN] = token
    with logs.told_to_the_terminal():
        return run_daemon(Home.default(), settings)


@click.command("down", cls=Command)
@click.option("--now", is_flag=True, help="Save nothing first: what was not saved is trained again.")
def down_command(*, now: bool) -> None:
    """Take the service down. The next `up` goes on with what runs and waits now.

    What runs is saved within its epoch first; Ctrl-C stops waiting, not the service.

    Examples:
      reid-tune down
      reid-tune down --now
    """
    from orchestrator.service.daemon.record import forget_dead
    from orchestrator.service.daemon.start import down
    from orchestrator.service.home import Home

    if not now and sys.stderr.isatty():
        click.echo("saving what runs ...", err=True)
    found = down(Home.default(), now=now)
    if found is not None:
        click.echo("the service is down")
        return
    _refuse_orphans()
    died = forget_dead(Home.default())
    click.echo("the service is not up" + (f": it had died (process {died.pid})" if died is not None else ""))


def _refuse_orphans() -> None:
    """Conflict for controllers whose service was killed: they go on without it."""
    from orchestrator.service.errors import Conflict
    from orchestrator.service.service import Service

    left = [one for one in Service().daemon().running if one.granted is not None and one.owner]
    if left:
        told = ", ".join(f"{one.name} ({one.owner})" for one in left)
        hint = "`reid-tune up` takes them over, then `reid-tune down` ends them"
        raise Conflict(f"the service is not up, but what it started goes on: {told}", hint=hint)


def print_service(view: DaemonView) -> None:
    """The service for people: where it is, what runs, what waits and for what."""
    out = console()
    if view.up:
        pages = f", pages on {view.url}" if view.url else ""
        out.print(
            f"the service is [bold]up[/] since {_clock(view.started)}: {view.slots_used} of "
            f"{counted(view.slots, 'slot')} in use{pages}"
        )
    elif view.died is not None:
        told = f"the service died (process {view.died}); `reid-tune up` takes its studies over"
        out.print(told, style="red", markup=False)
    else:
        out.print("the service is not up; start it with `reid-tune up`")
    if view.running:
        columns = ["study", "slots", "priority", "weight", "trials", "epochs", "epochs/h", "time left"]
        out.print(table(columns, map(_served_row, view.running), right=columns[1:]))
    if view.queue:
        columns = ["queue", "study", "priority", "weight", "waits for"]
        out.print(
            table(columns, map(_queued_row, view.queue), right=["queue", "priority", "weight"], fold=["waits for"])
        )
    for trouble in view.troubles:
        out.print(f"[red]{trouble.name}[/]: ", end="")
        out.print(trouble.text, markup=False, soft_wrap=not out.is_terminal)


def _served_row(study: ServedView) -> list[str]:
    granted = study.workers if study.granted is None else study.granted
    return [
        study.name if study.owner else f"{study.name} (interrupted)",
        f"{study.slots}/{granted}",
        str(study.priority),
        f"{study.weight:g}",
        f"{study.trials_started}/{study.trials_planned}",
        f"{study.epochs_spent}/{study.epochs_planned}",
        "-" if study.epochs_per_hour is None else f"{study.epochs_per_hour:.0f}",
        duration(study.seconds_left),
    ]


def _queued_row(study: QueuedView) -> list[str]:
    return [str(study.position), study.name, str(study.priority), f"{study.weight:g}", study.waits_for]


def _clock(at: float | None) -> str:
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
