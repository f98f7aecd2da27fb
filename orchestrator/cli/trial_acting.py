"""What is done to a trial: stop, retry, promote, pin, unpin, clone; and a configuration that is to become one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from orchestrator.cli.acting import named_study, plain_verb, say, whoever
from orchestrator.cli.command import Command
from orchestrator.cli.output import json_option
from orchestrator.cli.training import set_option

if TYPE_CHECKING:
    from orchestrator.service.views_acting import EnqueueRequest

__all__ = ["COMMANDS"]

trial_number = click.argument("trial", type=int)


stop_command = plain_verb(
    "stop",
    "stop_trial",
    """End a trial after its epoch; the study goes on without it.

    Examples:
      reid-tune trial stop cows 3
    """,
    named_study,
    trial_number,
)
retry_command = plain_verb(
    "retry",
    "retry_trial",
    """Let a failed or stopped trial go on from its last checkpoint.

    Examples:
      reid-tune trial retry cows 3
    """,
    named_study,
    trial_number,
)
promote_command = plain_verb(
    "promote",
    "promote_trial",
    """Let a resting trial train to its next rung now, whatever the search thinks of it.

    It takes one of the places that the plan has there.

    Examples:
      reid-tune trial promote cows 3
    """,
    named_study,
    trial_number,
)
pin_command = plain_verb(
    "pin",
    "pin_trial",
    """Keep a trial: its checkpoints are not discarded any more, and it is listed first.

    Examples:
      reid-tune trial pin cows 3
    """,
    named_study,
    trial_number,
)
unpin_command = plain_verb(
    "unpin",
    "unpin_trial",
    """Treat a pinned trial like the others again.

    Examples:
      reid-tune trial unpin cows 3
    """,
    named_study,
    trial_number,
)


@click.command("clone", cls=Command)
@named_study
@trial_number
@set_option
@json_option
def clone_command(study: str, trial: int, settings: tuple[tuple[str, str], ...], *, as_json: bool) -> None:
    """Try a trial's configuration with some values changed, soon: as a new trial of the same study.

    Examples:
      reid-tune trial clone cows 3 --set SOLVER.BASE_LR 0.001
    """
    from orchestrator.service.service import Service
    from orchestrator.service.views_acting import TrialCloneRequest
    from reid_core.config import parse_value

    request = TrialCloneRequest(set={key: parse_value(text) for key, text in settings})
    say(Service().clone_trial(study, trial, request, whoever()), as_json=as_json)


@click.command("enqueue", cls=Command)
@named_study
@click.option(
    "--values", required=True, metavar="JSON", help="Values of the space's parameters; the others are its defaults."
)
@json_option
def enqueue_command(study: str, values: str, *, as_json: bool) -> None:
    """Let a study try a configuration soon, before more of the search's own.

    It takes the place of the next new trial; where the plan has none left, it gets one of its own behind it.

    Examples:
      reid-tune trial enqueue cows --values '{"SOLVER.BASE_LR": 0.001}'
    """
    from orchestrator.service.service import Service

    say(Service().enqueue(study, _request(values), whoever()), as_json=as_json)


def _request(text: str) -> EnqueueRequest:
    from pydantic import ValidationError

    from orchestrator.service.views_acting import EnqueueRequest
    from reid_core.errors import Finding, InvalidInput

    hint = """write an object, as --values '{"SOLVER.BASE_LR": 0.001}'"""
    try:
        return EnqueueRequest.model_validate({"values": json.loads(text)})
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidInput(Finding("no-json", f"the values are no JSON: {error}", "--values", hint=hint)) from error
    except ValidationError as error:
        raise InvalidInput(Finding("wrong-type", "the values are no object", "--values", hint=hint)) from error


COMMANDS: tuple[click.Command, ...] = (
    stop_command,
    retry_command,
    promote_command,
    pin_command,
    unpin_command,
    clone_command,
    enqueue_command,
)
