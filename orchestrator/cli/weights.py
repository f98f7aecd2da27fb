"""`reid-tune weights`: what a file of weights is, whether a configuration can start from it, and a checkpoint of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Group
from orchestrator.cli.output import json_option, print_json
from orchestrator.cli.training import set_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reid_core.api import Fit, WeightsSummary

__all__ = ["weights_group"]

_SHOWN = 6
"""Names printed of each list; --json has them all."""


@click.group("weights", cls=Group)
def weights_group() -> None:
    """Look at files of weights, and take whole models of other tools."""


@weights_group.command("inspect")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--config",
    "recipe",
    default="",
    metavar="RECIPE|FILE",
    help="Say what a model of this configuration would take of it; exit code 1 when it does not fit.",
)
@set_option
@json_option
def weights_inspect(file: Path, recipe: str, settings: tuple[tuple[str, str], ...], *, as_json: bool) -> int:
    """What FILE is: network, tool that wrote it, size, SHA-256. No code of it is run.

    With --config: which tensors its model would take, and which are missing, unexpected or of another shape.

    Examples:
      reid-tune weights inspect resnet50.pth
      reid-tune weights inspect market_bot_R50.pth --config bnneck --json
      reid-tune weights inspect vit.pth --config bnneck --set MODEL.BACKBONE.NAME build_vit_backbone
    """
    from reid_core import api
    from reid_core.config import load_config, parse_value
    from reid_core.errors import UsageError

    if settings and not recipe:
        raise UsageError("--set changes a configuration, and none is given", hint="name one with --config")
    changes = [(key, parse_value(text)) for key, text in settings]
    config = load_config(recipe, changes).config if recipe else None
    found = api.inspect_weights(file, config)
    if as_json:
        print_json(asdict(found))
    else:
        click.echo("\n".join(_lines(found)))
    return 0 if found.fit is None or found.fit.fits else 1


@weights_group.command("convert")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--config", "recipe", required=True, metavar="RECIPE|FILE", help="The configuration that FILE is of.")
@set_option
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The checkpoint to write.")
@json_option
def weights_convert(
    file: Path, recipe: str, settings: tuple[tuple[str, str], ...], out: Path, *, as_json: bool
) -> None:
    """Make a checkpoint of a whole model: of FastReID's zoo, the Bag of Tricks, or one that was exported from either.

    `evaluate`, `export`, `embed`, `index`, `serve-model` and `distill` take it as one that was trained here. No code
    of FILE is run. Nothing is written where it is another model than that of the configuration.

    Examples:
      reid-tune weights convert market_bot_R50.pth --config Market1501/bagtricks_R50.yml --out market.pt
      reid-tune weights convert softmax_triplet.pth --config bag_of_tricks --out market.pt --json
    """
    from reid_core import api
    from reid_core.config import load_config, parse_value

    config = load_config(recipe, [(key, parse_value(text)) for key, text in settings]).config
    made = api.convert_weights(file, config, out)
    if as_json:
        print_json(asdict(made))
        return
    click.echo(f"{made.path}: {made.loaded} tensors taken, SHA-256 {made.sha256}")
    for note in made.notes:
        click.echo(f"Note        {note}")


def _lines(found: WeightsSummary) -> list[str]:
    head = f" with a classifier of {found.identities} identities" if found.identities else ""
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(found.dtypes.items()))
    below = f", below {' / '.join(found.wrappers)}" if found.wrappers else ""
    lines = [
        f"File        {found.path} ({found.bytes / 1e6:.1f} MB)",
        f"SHA-256     {found.sha256}",
        f"Seems to be {found.architecture}{head}",
        f"Names of    {found.source}",
        f"Tensors     {found.tensors} ({kinds}){below}; {found.parameters:,} parameters",
    ]
    return lines if found.fit is None else [*lines, *_fit_lines(found.fit)]


def _fit_lines(fit: Fit) -> list[str]:
    if not fit.fits:
        return [f"Does not fit as {fit.key}: {fit.reason}", f"  hint: {fit.hint}"]
    lines = [f"Fits        as {fit.key}: {fit.loaded} tensors are taken"]
    lines += _names("Missing", fit.missing) + _names("Unexpected", fit.unexpected)
    return [*lines, *(f"Note        {note}" for note in fit.notes)]


def _names(title: str, names: Sequence[str]) -> list[str]:
    if not names:
        return []
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return [f"{title:<11} {len(names)}: {', '.join(names[:_SHOWN])}{more}"]
