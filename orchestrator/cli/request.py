"""The options that describe a study, and the request they make. `run` and `space plan` share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orchestrator.cli.data_options import no_cameras_option, skip_bad_images_option

if TYPE_CHECKING:
    from orchestrator.service.views import StudyRequest

__all__ = ["build_request", "request_options"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--data",
        default="",
        metavar="DIR",
        type=click.Path(),
        help="Folder of images: manifest.csv, a folder per identity, a public data set's layout. Default: synthetic.",
    ),
    click.option("--trials", type=int, metavar="N", help="Number of configurations to try. Default: the space's."),
    click.option(
        "--max-epochs", type=int, metavar="N", help="Epochs of a full run; the recipe's schedule is scaled to it."
    ),
    click.option("--min-epochs", type=int, metavar="N", help="Epochs of the lowest rung."),
    click.option("--algorithm", metavar="NAME", help="How configurations are chosen. Default: the space's."),
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
    click.option("--name", default="", metavar="NAME", help="Name of the study. Default: a readable generated one."),
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
        "--backend", type=click.Choice(["inline", "ray"]), default="ray", show_default=True, help="Where trials run."
    ),
    click.option("--ray-address", default="", metavar="ADDRESS", help="A running Ray cluster. Default: a local Ray."),
)


def request_options(function: F) -> F:
    """Give a command these options."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def build_request(space: str, options: dict[str, Any]) -> StudyRequest:
    """The options as a request. Raises UsageError, ConfigError."""
    from orchestrator.service.views import StudyRequest
    from reid_core.config import parse_value
    from reid_core.errors import UsageError

    settings = {key: parse_value(text) for key, text in options.pop("settings")}
    if options.pop("no_cameras"):
        settings["DATASETS.NO_CAMERAS"] = True
    if options.pop("skip_bad_images"):
        settings["DATASETS.CORRUPT"] = "skip"
    for name in ("trials", "max_epochs", "min_epochs", "workers", "seeds"):
        if options[name] is not None and options[name] < 1:
            raise UsageError(f"--{name.replace('_', '-')} is {options[name]}", hint="give 1 or more")
    return StudyRequest(space=space, set=settings, **options)
