"""The options that describe a study, and the request they make. `run` and `space plan` share them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

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
        help="Folder of images: Market-1501 layout, manifest.csv, or one folder per identity. Default: synthetic.",
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
    click.option("--name", default="", metavar="NAME", help="Name of the study. Default: a readable generated one."),
    click.option(
        "--set",
        "settings",
        nargs=2,
        multiple=True,
        metavar="KEY VALUE",
        help="Set a configuration key for every trial. Repeatable.",
    ),
    click.option(
        "--no-cameras", is_flag=True, help="The data has no camera ids: evaluation drops only the query itself."
    ),
    click.option(
        "--skip-bad-images",
        is_flag=True,
        help="Leave out (and count) images that do not decode or have no usable name.",
    ),
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
    for name in ("trials", "max_epochs", "min_epochs", "workers"):
        if options[name] is not None and options[name] < 1:
            raise UsageError(f"--{name.replace('_', '-')} is {options[name]}", hint="give 1 or more")
    return StudyRequest(space=space, set=settings, **options)
