"""The outermost command, and the border at which every error becomes a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click
from click.shell_completion import shell_complete

from orchestrator.cli.best import best_command, export_config_command
from orchestrator.cli.cache import cache_group
from orchestrator.cli.checkpoints import checkpoints_group
from orchestrator.cli.command import ShortForm
from orchestrator.cli.completion import COMPLETE_VARIABLE, PROGRAM, completion_command
from orchestrator.cli.data import data_group
from orchestrator.cli.db import db_group
from orchestrator.cli.distill import distill_command
from orchestrator.cli.embed import embed_command
from orchestrator.cli.engine import config_group, evaluate_command, train_command
from orchestrator.cli.export import export_group
from orchestrator.cli.index import index_group
from orchestrator.cli.inspect import inspect_command
from orchestrator.cli.log_options import log_options, without_log_options
from orchestrator.cli.machine import doctor_command, mlflow_group, serve_command
from orchestrator.cli.mcp import mcp_command
from orchestrator.cli.notify import notify_group
from orchestrator.cli.output import INTERRUPTED, discard_output
from orchestrator.cli.people import audit_command, users_group
from orchestrator.cli.run import demo_command, run_command
from orchestrator.cli.search import search_command
from orchestrator.cli.serve_model import drift_command, serve_model_command
from orchestrator.cli.service import down_command, up_command
from orchestrator.cli.spaces import space_group
from orchestrator.cli.studies import status_command, studies_group
from orchestrator.cli.study_report import report_command
from orchestrator.cli.submit import submit_command
from orchestrator.cli.support import support_command
from orchestrator.cli.tasks import tasks_command
from orchestrator.cli.trials import trial_group
from orchestrator.cli.weights import weights_group

__all__ = ["cli", "main"]

EPILOG = """\b
Exit codes: 0 done, 1 failed, 2 usage, 3 invalid space, config or data,
4 cannot reach a server, 5 not found, 6 conflict, 130 interrupted, all saved."""


@click.group(
    PROGRAM,
    cls=ShortForm,
    epilog=EPILOG,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show the traceback of an error. Works anywhere.")
@log_options
@click.version_option(package_name="reid-tune", prog_name="reid-tune")
def cli() -> None:
    """Find the best re-identification (ReID) model for your data inside a budget of GPU-hours.

    `reid-tune --space SPACE --trials N` is short for `reid-tune run --space SPACE --trials N`.

    Examples:
      reid-tune --space bnneck.yaml --trials 12                   # on built-in data
      reid-tune --space bnneck.yaml --trials 12 --data photos/    # on your images
      reid-tune best latest --retrain                             # the winner on all training data
      reid-tune serve                                             # the dashboard
    """


for command in (
    run_command,
    demo_command,
    up_command,
    down_command,
    status_command,
    studies_group,
    trial_group,
    checkpoints_group,
    cache_group,
    best_command,
    report_command,
    export_config_command,
    export_group,
    embed_command,
    space_group,
    config_group,
    tasks_command,
    data_group,
    train_command,
    distill_command,
    evaluate_command,
    inspect_command,
    submit_command,
    weights_group,
    index_group,
    search_command,
    serve_model_command,
    drift_command,
    mcp_command,
    serve_command,
    users_group,
    audit_command,
    mlflow_group,
    db_group,
    doctor_command,
    notify_group,
    support_command,
    completion_command,
):
    cli.add_command(command)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line (default: this process's) and exit with its code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_exit_code([word for word in words if word != "--debug"], debug="--debug" in words))


def _exit_code(words: list[str], *, debug: bool) -> int:
    """Run; errors of the project's tree become a message, all others one line, unless `debug`."""
    from reid_core.errors import ReidTuneError

    try:
        return _invoke(words)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ReidTuneError as error:
        if debug:
            raise
        click.echo(str(error), err=True)
        return error.exit_code
    except BrokenPipeError:
        discard_output()
        return 0
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except Exception as error:
        if debug:
            raise
        hint = "run it again with --debug and report what it prints"
        click.echo(f"internal error: {type(error).__name__}: {error}\n  hint: {hint}", err=True)
        return 1


def _invoke(words: list[str]) -> int:
    """Run the command, or answer a shell that completes one. What was printed is written out before this returns."""
    question = os.environ.get(COMPLETE_VARIABLE)
    if question:
        return shell_complete(cli, {}, PROGRAM, COMPLETE_VARIABLE, question)
    words = without_log_options(words)
    try:
        with cli.make_context(PROGRAM, words) as context:
            code = cli.invoke(context)
    except click.exceptions.Exit as done:
        code = done.exit_code
    sys.stdout.flush()
    return code if isinstance(code, int) else 0
