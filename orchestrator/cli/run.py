"""`reid-tune run` and `demo`: plan, run with a live table, report."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.command import Command
from orchestrator.cli.completion import complete_space, complete_study
from orchestrator.cli.detach import launched
from orchestrator.cli.interrupts import Interrupts, saving
from orchestrator.cli.output import discard_output
from orchestrator.cli.request import build_request, request_options

if TYPE_CHECKING:
    from orchestrator.cli.live import Screen
    from orchestrator.events import Logged, StudyState
    from orchestrator.service.run import RunHandle
    from orchestrator.service.service import Service
    from orchestrator.service.views import StudyRequest

__all__ = ["demo_command", "run_command"]


@click.command("run", cls=Command)
@click.option(
    "--space",
    metavar="SPACE",
    shell_complete=complete_space,
    help="Search space: a file, or a name of the catalog (see `reid-tune space ls`).",
)
@request_options
@click.option(
    "--resume",
    metavar="STUDY",
    shell_complete=complete_study,
    help="Continue a study that was paused, interrupted or killed.",
)
@click.option("--events", is_flag=True, help="Print every event as a line of JSON instead of the table.")
@click.option("--detach", is_flag=True, help="Return at once: the study runs in the service, else in the background.")
@click.option("--no-mlflow", is_flag=True, help="Do not record the study in MLflow now (`mlflow sync` can later).")
def run_command(
    space: str | None, *, resume: str | None, events: bool, detach: bool, no_mlflow: bool, **options: Any
) -> int:
    """Search a space: plan, run trials side by side, give up on weak ones early, report the winner.

    Examples:
      reid-tune run --space bnneck.yaml --trials 12
      reid-tune run --space bnneck.yaml --data cows/ --max-epochs 30 --set SOLVER.IMS_PER_BATCH 32
      reid-tune run --space bnneck.yaml --epochs 500 --wall-time 8h --target 'mAP >= 0.6'
      reid-tune run --space mine.yaml --warm-start latest --enqueue favourites.json --confirm 3
      reid-tune run --space distill.yaml --teacher study:cows --data cows/
      reid-tune run --resume latest
      reid-tune run --space bnneck.yaml --detach --priority 5
    """
    from orchestrator.cli.acting import whoever
    from orchestrator.service.service import Service
    from reid_core.errors import UsageError

    if not space and not resume:
        raise UsageError("--space or --resume is needed", hint="for example: reid-tune --space bnneck.yaml --trials 12")
    if detach and (events or no_mlflow):
        raise UsageError("--detach leaves nothing to show here", hint="leave --events and --no-mlflow out")
    service = Service()
    if resume:
        study = _resumed(service, resume, space, options)
    else:
        study = _created(service, str(space), options, quiet=events)
    if detach:
        return launched(service, study, resumed=bool(resume))
    if resume:
        service.take_up(study, whoever())
    return _run(service, study, events=events, track=not no_mlflow)


@click.command("demo", cls=Command)
@click.option("--trials", type=int, default=12, show_default=True, metavar="N", help="Configurations to try.")
@click.pass_context
def demo_command(ctx: click.Context, trials: int) -> int:
    """The main job on built-in synthetic data.

    It is `reid-tune --space bnneck.yaml --trials 12`: some minutes on two cores.

    Examples:
      reid-tune demo
      reid-tune demo --trials 4
    """
    code: int = ctx.invoke(run_command, space="bnneck.yaml", trials=trials)
    return code


def _created(service: Service, space: str, options: dict[str, Any], *, quiet: bool) -> str:
    from orchestrator.cli.acting import whoever
    from orchestrator.cli.output import console
    from orchestrator.cli.plan import print_plan

    request = build_request(space, options)
    service.check_new(request.name)
    if not quiet:
        with console(err=True).status("reading the data and timing a few training steps ..."):
            view = service.plan(request, measure=True)
        print_plan(view)
    _prepare(service, request)
    return service.create(request, whoever()).id


def _prepare(service: Service, request: StudyRequest) -> None:
    """Decode the images once, before any trial: an image that does not decode ends it here, by name."""
    from rich.progress import Progress

    from orchestrator.cli.output import console

    out = console(err=True)
    with Progress(console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task("decoding images", total=None)
        service.prepare(request, progress=lambda done, total: bar.update(task, completed=done, total=total))


def _resumed(service: Service, resume: str, space: str | None, options: dict[str, Any]) -> str:
    """The study to continue; refused with the difference when the options describe another one."""
    from orchestrator.service.resume import check_same

    row = service.store.find(resume)
    if space is not None:
        check_same(service, row.id, build_request(space, options))
    else:
        _refuse_changes(options, row.name)
    service.check_free(row)
    return row.id


def _refuse_changes(options: dict[str, Any], name: str) -> None:
    """A study is continued as it was made: options that would change what ends it are not passed over."""
    from reid_core.errors import UsageError

    for option in (
        "epochs",
        "gpu_hours",
        "wall_time",
        "target",
        "confirm",
        "enqueue",
        "warm_start",
        "teacher",
        "checkpoints",
    ):
        if options[option]:
            spelled = option.replace("_", "-")
            message = f"--{spelled} cannot change a study that is continued"
            raise UsageError(message, hint=f"leave it out, or start a new study with --warm-start {name}")


def _run(service: Service, study: str, *, events: bool, track: bool) -> int:
    """Run in the foreground; the exit code."""
    from orchestrator.cli.live import EventLines, LiveTable, PlainLines
    from orchestrator.cli.output import console
    from orchestrator.cli.report import print_outcome
    from orchestrator.service.run import open_run

    state = service.state(study)
    if state.ended_at is not None:
        click.echo(f"the study has ended already{_extending(state)}", err=True)
        return print_outcome(service, study, state, quiet=events, tracked=None)
    screen = EventLines() if events else LiveTable() if console().is_terminal else PlainLines()
    reader = _Reader(screen)
    with open_run(service, study, observer=reader.see, track=track) as handle, screen, _interrupts(handle):
        reader.leaves = functools.partial(handle.interrupt, "whoever read the output left")
        state = handle.run()
    tracked = handle.tracked if track else None
    return print_outcome(service, study, state, quiet=events, tracked=tracked)


def _extending(state: StudyState) -> str:
    """What to do about a study that a limit ended: its plan and its limits are fixed."""
    created = state.created
    if created is None or not state.reason or created.limits == type(created.limits)():
        return ""
    again = f"reid-tune run --space ... --warm-start {created.name}"
    return f": {state.reason}. Its limits cannot be raised; a new study can use its results:\n  {again}"


class _Reader:
    """Passes events to the screen. A reader that closes the pipe pauses the study, as Ctrl-C does."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self.leaves: Callable[[], None] = discard_output

    def see(self, logged: Logged, state: StudyState) -> None:
        """One more event is durable."""
        try:
            self._screen.see(logged, state)
        except BrokenPipeError:
            discard_output()
            click.echo(f"the output was closed: {saving(_again(state))}", err=True)
            self.leaves()


def _interrupts(handle: RunHandle) -> Interrupts:
    return Interrupts(lambda what, within: handle.interrupt(what, within=within), lambda: _again(handle.state))


def _again(state: StudyState) -> str:
    return f"reid-tune run --resume {state.created.name if state.created is not None else 'latest'}"
