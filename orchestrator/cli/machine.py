"""`reid-tune serve`, `mlflow` and `doctor`: the pages, the tracking UI, and whether this machine is ready."""

from __future__ import annotations

import os
from pathlib import Path

import click

from orchestrator.cli.command import Command, Group
from orchestrator.cli.completion import complete_study
from orchestrator.cli.output import console, json_option, print_json, study_argument, table

__all__ = ["doctor_command", "mlflow_group", "serve_command"]


@click.command("serve", cls=Command)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; beyond loopback needs a token."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8300, show_default=True, help="Port; 0 picks a free one."
)
@click.option("--token", envvar="REID_TUNE_TOKEN", default="", help="Required beyond loopback. Also REID_TUNE_TOKEN.")
@click.option(
    "--open", "open_study", metavar="STUDY", shell_complete=complete_study, help="Open the browser on this study."
)
def serve_command(host: str, port: int, token: str, open_study: str | None) -> None:
    """The dashboard: studies, live curves, launch.

    It listens on this machine only unless told otherwise.

    Examples:
      reid-tune serve
      reid-tune serve --open latest
      reid-tune serve --host 0.0.0.0 --token "$(openssl rand -hex 16)"
    """
    from dashboards.serve import serve
    from orchestrator.service.service import Service

    service = Service()
    path = f"/studies/{service.summary(open_study).id}" if open_study else "/"
    serve(service, host, port, token, open_browser=open_study is not None, path=path)


@click.group("mlflow", cls=Group, invoke_without_command=True, no_args_is_help=False)
@click.pass_context
def mlflow_group(ctx: click.Context) -> None:
    """The MLflow UI, and bringing MLflow up to date.

    Without a command it is `reid-tune mlflow ui`.

    Examples:
      reid-tune mlflow
      reid-tune mlflow sync latest
    """
    if ctx.invoked_subcommand is None:
        ctx.invoke(mlflow_ui)


@mlflow_group.command("ui")
@click.option("--port", type=click.IntRange(1, 65535), default=5000, show_default=True, help="Port to listen on.")
def mlflow_ui(port: int) -> None:
    """Serve MLflow's own pages on the right store.

    Examples:
      reid-tune mlflow ui
      reid-tune mlflow ui --port 5001
    """
    from orchestrator.service.service import Service
    from orchestrator.service.tracking import mlflow_command

    command = mlflow_command(Service().home, port)
    click.echo(f"MLflow UI on http://127.0.0.1:{port}/?workflowType=machine_learning (Ctrl-C ends it)")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.execvp(command[0], command)  # noqa: S606 - MLflow's own server takes this process over


@mlflow_group.command("sync")
@study_argument
def mlflow_sync(study: str) -> None:
    """Write to MLflow whatever it misses of a study.

    Examples:
      reid-tune mlflow sync
      reid-tune mlflow sync cows
    """
    from orchestrator.service.service import Service
    from orchestrator.service.tracking import raise_if_incomplete, sync_study

    service = Service()
    report = sync_study(service, study)
    raise_if_incomplete(report)
    click.echo(str(report))


@click.command("doctor", cls=Command)
@click.option("--data", default="", metavar="DIR", help="Check a folder of images too.")
@json_option
def doctor_command(data: str, *, as_json: bool) -> int:
    """Check whether this machine is ready, and say what to do where it is not.

    Looks at Python, packages, GPUs, the home folder, the store, the disk, and the images in --data.

    Examples:
      reid-tune doctor
      reid-tune doctor --data photos/
    """
    from rich.text import Text

    from orchestrator.service.doctor import examine
    from orchestrator.service.home import Home

    checks = examine(Home.default(), Path(data) if data else None)
    failed = [check for check in checks if not check.ok]
    if as_json:
        print_json(checks)
    else:
        marks = {True: Text("ok", "green"), False: Text("fails", "red")}
        rows: list[list[str | Text]] = [[check.name, marks[check.ok], check.finding, check.advice] for check in checks]
        console().print(table(["check", "", "finding", "what to do"], rows, fold=["finding", "what to do"]))
    return 1 if failed else 0
