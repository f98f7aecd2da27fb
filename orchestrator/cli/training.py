"""What the commands that train and measure without a study share: their options, and how they end."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from orchestrator.cli.interrupts import Interrupts, StopAsked

if TYPE_CHECKING:
    from reid_core.api import TrainResult

__all__ = [
    "config_option",
    "data_option",
    "interruptible",
    "overrides",
    "print_model",
    "protocol_option",
    "result_json",
    "seed_option",
    "set_option",
    "threads_option",
]

config_option = click.option(
    "--config",
    "recipe",
    required=True,
    metavar="RECIPE|FILE",
    help="A shipped recipe, or a YAML file with FastReID's keys.",
)
data_option = click.option(
    "--data",
    default="",
    metavar="DIR|URL",
    help="Images: a folder, URL, .zip or .tar; default: the configuration's own.",
)
set_option = click.option(
    "--set", "settings", nargs=2, multiple=True, metavar="KEY VALUE", help="Set a configuration key. Repeatable."
)
threads_option = click.option(
    "--threads", type=click.IntRange(1), metavar="N", help="CPU threads. Default: OMP_NUM_THREADS, or all cores."
)
protocol_option = click.option(
    "--protocol",
    type=click.Choice(["test", "validation"]),
    default="test",
    show_default=True,
    help="test: all training identities, measured on query and gallery. validation: what a search sees.",
)
seed_option = click.option(
    "--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of everything random."
)


def overrides(data: str, settings: tuple[tuple[str, str], ...]) -> list[tuple[str, object]]:
    """What `--set` and `--data` say, as keys and values over a configuration."""
    from reid_core.config import parse_value
    from reid_core.data.remote import full_name

    said: list[tuple[str, object]] = [(key, parse_value(text)) for key, text in settings]
    if data:
        said.append(("DATASETS.ROOT", full_name(data)))
    return said


@contextmanager
def interruptible(*more: str) -> Iterator[StopAsked]:
    """Inside, the first Ctrl-C or SIGTERM asks a training to stop with everything saved; the second ends it.

    It goes on with the same command and `more` words.
    """
    asked, words = StopAsked(), ["reid-tune", *sys.argv[1:]]
    again = shlex.join([*words, *(word for word in more if word not in words)])
    with Interrupts(asked.ask, lambda: again, kept="saved"):
        yield asked


def result_json(result: TrainResult) -> dict[str, object]:
    """A finished training for --json."""
    path, best = _paths(result)
    said = {"epoch": result.epoch, "metrics": dict(result.metrics), "checkpoint": path, "best": best}
    return {**said, "stopped": result.stopped}


def print_model(
    result: TrainResult, recipe: str, data: str, settings: tuple[tuple[str, str], ...], protocol: str
) -> None:
    """Where the model is, and the command that measures it again."""
    path, best = _paths(result)
    words = ["reid-tune", "evaluate", "--config", recipe, *(["--data", data] if data else []), "--checkpoint", path]
    for key, text in settings:
        words += ["--set", key, text]
    if protocol != "test":
        words += ["--protocol", protocol]
    click.echo(f"Model     {path}" + (f"\nBest      {best}" if best not in {"", path} else ""))
    click.echo(f"Evaluate  {shlex.join(words)}")


def _paths(result: TrainResult) -> tuple[str, str]:
    """Of the last and of the best checkpoint; empty where there is none."""
    path = "" if result.checkpoint is None else str(result.checkpoint.path)
    return path, "" if result.best is None else str(result.best)
