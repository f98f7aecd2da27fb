"""`--log-format` and `--log-level`, which work anywhere on the command line and in every process that it starts."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import click

__all__ = ["log_options", "without_log_options"]

_Decorated = TypeVar("_Decorated", bound=Callable[..., object])
_OPTIONS = {
    "--log-format": ("REID_TUNE_LOG_FORMAT", ("human", "json")),
    "--log-level": ("REID_TUNE_LOG_LEVEL", ("debug", "info", "warning", "error")),
}


def log_options(command: _Decorated) -> _Decorated:
    """Show the options in the help of the outermost command; `without_log_options` has read them by then."""
    for option, (variable, choices) in reversed(_OPTIONS.items()):
        command = click.option(
            option,
            type=click.Choice(choices),
            expose_value=False,
            help=f"Of the logs of controllers and servers; also {variable}. Works anywhere.",
        )(command)
    return command


def without_log_options(words: Sequence[str]) -> list[str]:
    """The words without these options, which go into the environment. Raises click's UsageError for a bad value."""
    rest: list[str] = []
    coming = iter(words)
    for word in coming:
        option, sign, value = word.partition("=")
        if option not in _OPTIONS:
            rest.append(word)
            continue
        variable, choices = _OPTIONS[option]
        given = value if sign else next(coming, "")
        if given not in choices:
            raise click.UsageError(f"{option} takes one of: {', '.join(choices)}")
        os.environ[variable] = given
    return rest
