"""The options that describe a study, and the request they make. `run` and `space plan` share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from orchestrator.cli.completion import complete_algorithm, complete_schedule, complete_study
from orchestrator.cli.data_options import no_cameras_option, skip_bad_images_option
from orchestrator.cli.share import SHARE_OPTIONS

if TYPE_CHECKING:
    from orchestrator.service.views import StudyRequest

__all__ = ["build_request", "request_options"]

F = TypeVar("F", bound=Callable[..., Any])


def _not_empty(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    """Refuse an option with nothing in it, as an unset variable of a script leaves it: it would switch a limit off."""
    given = context.get_parameter_source(option.name or "") is ParameterSource.COMMANDLINE
    if given and text is not None and not text.strip():
        raise click.BadParameter("it is empty: give a value, or leave the option out", context, option)
    return text


_OPTIONS = (
    click.option(
        "--data",
        default="",
        metavar="DIR|URL",
        type=click.Path(),
        help="Images: manifest.csv, a folder per identity, a public layout; a URL, .zip or .tar. Default: synthetic.",
    ),
    click.option("--trials", type=int, metavar="N", help="Number of configurations to try. Default: the space's."),
    click.option(
        "--max-epochs", type=int, metavar="N", help="Epochs of a full run; the recipe's schedule is scaled to it."
    ),
    click.option("--min-epochs", type=int, metavar="N", help="Epochs of the lowest rung."),
    click.option(
        "--epochs",
        type=int,
        metavar="N",
        help="End after N epochs of all trials. Without --trials: as many trials as they pay for.",
    ),
    click.option("--gpu-hours", type=float, metavar="X", help="End after X GPU-hours of all trials."),
    click.option(
        "--wall-time",
        default="",
        metavar="TIME",
        callback=_not_empty,
        help="End after this time of running: 90s, 45m, 8h, 2d.",
    ),
    click.option(
        "--target",
        default="",
        metavar="TEXT",
        callback=_not_empty,
        help="End when a trial gets there: 'mAP >= 0.6'.",
    ),
    click.option(
        "--enqueue",
        default="",
        metavar="FILE",
        callback=_not_empty,
        help="JSON list of configurations to try right after the default, in whole or in part. Or the JSON itself.",
    ),
    click.option(
        "--warm-start",
        multiple=True,
        metavar="STUDY",
        shell_complete=complete_study,
        help="Use the results of an earlier study that fit this space, and try its best first. Repeatable.",
    ),
    click.option(
        "--teacher",
        multiple=True,
        metavar="STUDY|FILE",
        help="What students learn from: study:NAME, its best trial, or a checkpoint. With several, which one varies.",
    ),
    click.option(
        "--confirm",
        type=int,
        metavar="N",
        help="Train the best three with N new seeds each; the best mean wins. Default: the space's, else 0.",
    ),
    click.option(
        "--algorithm",
        metavar="NAME",
        shell_complete=complete_algorithm,
        callback=_not_empty,
        help="How configurations are chosen: asha, bohb, freeze-thaw, grid, tpe... Default: the space's.",
    ),
    click.option(
        "--schedule",
        metavar="NAME",
        shell_complete=complete_schedule,
        callback=_not_empty,
        help="How long trials train: full, hyperband, successive-halving, asha, median. Default: the algorithm's own.",
    ),
    click.option(
        "--workers", type=int, metavar="N", help="Trials side by side. Default: one per GPU, or by the cores."
    ),
    click.option(
        "--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the search and of training."
    ),
    click.option(
        "--seeds", type=int, metavar="N", help="With --algorithm grid: how often each configuration is trained."
    ),
    click.option(
        "--protocol",
        type=click.Choice(["validation", "test"]),
        default="validation",
        show_default=True,
        help="What trials are measured on. test: for spaces with rows, where nothing is chosen.",
    ),
    click.option(
        "--name",
        default="",
        metavar="NAME",
        callback=_not_empty,
        help="Name of the study. Default: a readable generated one.",
    ),
    click.option(
        "--set",
        "settings",
        nargs=2,
        multiple=True,
        metavar="KEY VALUE",
        help="Set a configuration key for every trial. Repeatable.",
    ),
    no_cameras_option,
    skip_bad_images_option,
    click.option(
        "--backend",
        type=click.Choice(["inline", "processes", "ray"]),
        default="ray",
        show_default=True,
        help="Where trials run: one by one here, side by side here, or on Ray.",
    ),
    click.option("--ray-address", default="", metavar="ADDRESS", help="A running Ray cluster. Default: a local Ray."),
    click.option(
        "--runtime-env",
        default="",
        metavar="FILE",
        help="A Ray runtime environment (YAML) for the nodes, or ship: send this installation to them.",
    ),
    *SHARE_OPTIONS,
    click.option(
        "--checkpoints",
        default="",
        metavar="URL",
        callback=_not_empty,
        help="Keep checkpoints under s3://…, file://… or another URL. Default: REID_TUNE_CHECKPOINTS, else the study.",
    ),
    click.option(
        "--keep-checkpoints",
        type=click.Choice(["best", "last", "all"]),
        default="best",
        show_default=True,
        help="Which stay: best, newest and those of rungs; the newest; all. Changed by `checkpoints prune --keep`.",
    ),
)


def request_options(function: F) -> F:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def build_request(space: str, options: dict[str, Any]) -> StudyRequest:
    """The options as a request. Raises UsageError, ConfigError."""
    from orchestrator.cli.configurations import read_configurations
    from orchestrator.service.runtime_env import runtime_env_text
    from orchestrator.service.views import MOST_EARLIER, MOST_TEACHERS, StudyRequest
    from reid_core.config import parse_value
    from reid_core.errors import UsageError

    settings = {key: parse_value(text) for key, text in options.pop("settings")}
    if options.pop("no_cameras"):
        settings["DATASETS.NO_CAMERAS"] = True
    if options.pop("skip_bad_images"):
        settings["DATASETS.CORRUPT"] = "skip"
    for name in ("trials", "max_epochs", "min_epochs", "workers", "seeds", "epochs"):
        if options[name] is not None and options[name] < 1:
            raise UsageError(f"--{name.replace('_', '-')} is {options[name]}", hint="give 1 or more")
    if options["gpu_hours"] is not None and not 0 < options["gpu_hours"] < float("inf"):
        raise UsageError(f"--gpu-hours is {options['gpu_hours']:g}", hint="give more than 0")
    if options["confirm"] is not None and options["confirm"] < 0:
        raise UsageError(f"--confirm is {options['confirm']}", hint="give 0 or more")
    if len(options["warm_start"]) > MOST_EARLIER:
        told = f"--warm-start names {len(options['warm_start'])} studies"
        raise UsageError(told, hint=f"give at most {MOST_EARLIER}")
    if len(options["teacher"]) > MOST_TEACHERS:
        told = f"--teacher is given {len(options['teacher'])} times"
        raise UsageError(told, hint=f"give at most {MOST_TEACHERS}")
    options["runtime_env"] = runtime_env_text(options["runtime_env"])
    enqueued = read_configurations(options.pop("enqueue"))
    return StudyRequest(space=space, set=settings, **options, **enqueued)
