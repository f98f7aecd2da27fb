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
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; beyond loopback needs people (`reid-tune users add`) or a token.",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8300, show_default=True, help="Port; 0 picks a free one."
)
@click.option(
    "--token", envvar="REID_TUNE_TOKEN", default="", help="Who knows it may do everything. Also REID_TUNE_TOKEN."
)
@click.option("--login", is_flag=True, help="Ask for a login on loopback too, as behind a proxy.")
@click.option(
    "--behind-proxy",
    is_flag=True,
    help="Believe X-Forwarded-For and X-Forwarded-Proto of this machine: a proxy here sets them.",
)
@click.option(
    "--data-root",
    "data_roots",
    multiple=True,
    metavar="DIR",
    help="A folder (or s3:// address) whose files requests may name; with a login no others. Repeatable.",
)
@click.option(
    "--open", "open_study", metavar="STUDY", shell_complete=complete_study, help="Open the browser on this study."
)
@click.option("--access-log", is_flag=True, help="Log every request.")
@click.option("--beside", is_flag=True, hidden=True, help="End when standard input does, as the service's pages.")
def serve_command(
    host: str,
    port: int,
    token: str,
    open_study: str | None,
    data_roots: tuple[str, ...],
    *,
    login: bool,
    behind_proxy: bool,
    access_log: bool,
    beside: bool,
) -> None:
    """The dashboard: studies, live curves, launch.

    It listens on this machine only unless told otherwise.

    Examples:
      reid-tune serve
      reid-tune serve --open latest
      reid-tune serve --host 0.0.0.0 --token "$(openssl rand -hex 16)"
      reid-tune serve --login --behind-proxy --data-root /data/reid      # a TLS proxy on this machine
    """
    from dashboards.serve import serve
    from orchestrator.service import logs
    from orchestrator.service.processes import end_with_stdin
    from orchestrator.service.service import Service

    with logs.told_to_the_terminal():
        if beside:
            end_with_stdin()
        service = Service()
        path = f"/studies/{service.summary(open_study).id}" if open_study else "/"
        serve(
            service,
            host,
            port,
            token,
            open_browser=open_study is not None,
            login=login,
            data_roots=data_roots,
            access_log=access_log,
            behind_proxy=behind_proxy,
            path=path,
        )


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
@click.option(
    "--ray", is_flag=False, flag_value="", metavar="[ADDRESS]", help="Connect to a Ray cluster (RAY_ADDRESS) too."
)
@json_option
def doctor_command(data: str, ray: str | None, *, as_json: bool) -> int:
    """Check whether this machine is ready, and say what to do where it is not.

    Looks at Python, packages, memory, GPUs and driver, disks, clocks, the store, MLflow, the daemon, notifications, a
    Ray cluster, and the images in --data: also what will bound a trial on them (decoding, cache, augmentation or the
    training step, in images a second). Exit code 1 when something fails; warnings leave it at 0.

    Examples:
      reid-tune doctor
      reid-tune doctor --data photos/
      reid-tune doctor --ray 10.0.0.5:6379
    """
    from rich.text import Text

    from orchestrator.service.doctor import examine
    from orchestrator.service.home import Home

    checks = examine(Home.default(), Path(data) if data else None, ray)
    failed = [check for check in checks if not check.ok]
    if as_json:
        print_json(checks)
    else:
        marks = {"ok": Text("ok", "green"), "warns": Text("warns", "yellow"), "fails": Text("fails", "red")}
        words = [("warns" if check.advice else "ok") if check.ok else "fails" for check in checks]
        rows: list[list[str | Text]] = [
            [check.name, marks[word], check.finding, check.advice] for check, word in zip(checks, words, strict=True)
        ]
        console(pipe=80).print(table(["check", "", "finding", "what to do"], rows, fold=["finding", "what to do"]))
    return 1 if failed else 0
