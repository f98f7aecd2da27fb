"""`reid-tune config`, `train` and `evaluate`: the engine alone, without a study."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command, Group
from orchestrator.cli.output import console, json_option, number, percent, print_json, table

if TYPE_CHECKING:
    from reid_core.api import EpochResult
    from reid_core.config import Config, KeyInfo

__all__ = ["config_group", "evaluate_command", "train_command"]

config_option = click.option(
    "--config",
    "recipe",
    required=True,
    metavar="RECIPE|FILE",
    help="A shipped recipe, or a YAML file with FastReID's keys.",
)
data_option = click.option(
    "--data", default="", metavar="DIR", help="Folder of images; default: the configuration's own."
)
set_option = click.option(
    "--set", "settings", nargs=2, multiple=True, metavar="KEY VALUE", help="Set a configuration key. Repeatable."
)
threads_option = click.option("--threads", type=click.IntRange(1), metavar="N", help="CPU threads. Default: all cores.")
protocol_option = click.option(
    "--protocol",
    type=click.Choice(["test", "validation"]),
    default="test",
    show_default=True,
    help="test: all training identities, measured on query and gallery. validation: what a search sees.",
)


@click.group("config", cls=Group)
def config_group() -> None:
    """Look at recipes and configuration keys."""


@config_group.command("show")
@click.argument("recipe", default="bnneck")
@click.argument("prefix", default="")
@set_option
@json_option
def config_show(recipe: str, prefix: str, settings: tuple[tuple[str, str], ...], *, as_json: bool) -> None:
    """Every key of a recipe with its value, range and meaning.

    RECIPE is a shipped recipe or a file; PREFIX keeps the keys that begin with it.

    Examples:
      reid-tune config show bnneck SOLVER
      reid-tune config show my.yaml --set SOLVER.BASE_LR 1e-3
    """
    from reid_core.config import describe, load_config, parse_value, suggest
    from reid_core.errors import NotFound

    values = load_config(recipe, [(key, parse_value(text)) for key, text in settings]).values
    shown = {key: value for key, value in values.items() if key.startswith(prefix.upper())}
    if not shown:
        near = suggest(prefix.upper(), sorted({key.rpartition(".")[0] for key in values} | set(values)))
        raise NotFound(
            f"no configuration key begins with {prefix.upper()}",
            hint=near or f"see them all with `reid-tune config show {recipe}`",
        )
    if as_json:
        print_json(dict(shown))
        return
    rows = [[key, number(value), _allowed(describe(key)), describe(key).help] for key, value in shown.items()]
    console().print(table(["key", "value", "allowed", "what"], rows, fold=["value", "allowed", "what"]))


def _allowed(info: KeyInfo) -> str:
    """The type and its bounds: `true or false`, `Adam | SGD`, `float above 0`, `list[int] 1 to 100`."""
    if info.type == "bool":
        return "true | false"
    if info.choices:
        return " | ".join(info.choices)
    if info.low is not None and info.high is not None and not info.open_low and not info.open_high:
        return f"{info.type} {number(info.low)} to {number(info.high)}"
    bounds = []
    if info.low is not None:
        bounds.append(f"{'above' if info.open_low else 'from'} {number(info.low)}")
    if info.high is not None:
        bounds.append(f"{'below' if info.open_high else 'to'} {number(info.high)}")
    return " ".join([info.type, *bounds])


@config_group.command("ls")
@json_option
def config_ls(*, as_json: bool) -> None:
    """The shipped recipes.

    Examples:
      reid-tune config ls
    """
    from reid_core.config import recipes

    found = recipes()
    if as_json:
        print_json({one.name: one.description for one in found})
        return
    console().print(table(["recipe", "what"], [[one.name, one.description] for one in found], fold=["what"]))


@click.command("train", cls=Command)
@config_option
@data_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/train"),
    show_default=True,
    help="Folder for checkpoints.",
)
@set_option
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of everything random.")
@threads_option
@protocol_option
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint in --out.")
@json_option
def train_command(
    recipe: str,
    data: str,
    out: Path,
    settings: tuple[tuple[str, str], ...],
    seed: int,
    threads: int | None,
    protocol: str,
    *,
    resume: bool,
    as_json: bool,
) -> None:
    """Train one configuration and measure it.

    Examples:
      reid-tune train --config demo
      reid-tune train --config bnneck --data cows/ --set SOLVER.MAX_EPOCH 30 --out runs/cows
    """
    from orchestrator.service.machine import cores
    from reid_core import api

    config = _config(recipe, data, settings)
    start = api.newest_checkpoint(out, log=lambda line: click.echo(line, err=True)) if resume else None
    if start is not None and not as_json:
        click.echo(f"continues after epoch {start.epoch} from {start.path}")

    def on_epoch(result: EpochResult) -> None:
        if not as_json:
            click.echo(_epoch_line(result, config.solver.max_epoch))

    result = api.train(
        config,
        directory=out,
        protocol=api.Protocol(protocol),
        checkpoint=start,
        seed=seed,
        threads=threads or cores(),
        on_epoch=on_epoch,
        log=None if as_json else click.echo,
    )
    path = str(result.checkpoint.path) if result.checkpoint is not None else ""
    if as_json:
        print_json({"epoch": result.epoch, "metrics": dict(result.metrics), "checkpoint": path})
        return
    words = ["reid-tune", "evaluate", "--config", recipe, *(["--data", data] if data else []), "--checkpoint", path]
    for key, text in settings:
        words += ["--set", key, text]
    click.echo(f"Model     {path}\nEvaluate  {shlex.join(words)}")


def _epoch_line(result: EpochResult, last: int) -> str:
    metrics = result.metrics
    words = [
        f"epoch {result.epoch:>3}/{last}",
        f"loss {metrics.get('loss', float('nan')):.3f}",
        f"lr {metrics.get('lr', 0):.2e}",
    ]
    words += [f"{name} {percent(metrics[name])}" for name in ("mAP", "mINP", "rank1") if name in metrics]
    if "images_per_second" in metrics:
        words.append(f"{metrics['images_per_second']:.0f} images/s")
    return "  ".join(words)


@click.command("evaluate", cls=Command)
@config_option
@click.option(
    "--checkpoint",
    required=True,
    type=click.Path(path_type=Path),
    help="A checkpoint that `train`, `best --retrain` or a trial wrote.",
)
@data_option
@set_option
@threads_option
@protocol_option
@json_option
def evaluate_command(
    recipe: str,
    checkpoint: Path,
    data: str,
    settings: tuple[tuple[str, str], ...],
    threads: int | None,
    protocol: str,
    *,
    as_json: bool,
) -> None:
    """Measure a checkpoint: mAP, mINP and CMC, with the protocol they were measured under.

    Examples:
      reid-tune evaluate --config demo --checkpoint runs/train/epoch-0009.pt
      reid-tune evaluate --config cows.yaml --data cows/ --checkpoint cows.pt --json
    """
    from orchestrator.service.machine import cores
    from reid_core import api

    config = _config(recipe, data, settings)
    report = api.evaluate(config, checkpoint, protocol=api.Protocol(protocol), threads=threads or cores())
    if as_json:
        print_json(
            {
                "metrics": dict(report.metrics),
                "protocol": report.protocol,
                "queries": report.queries,
                "gallery": report.gallery,
                "skipped_queries": report.skipped_queries,
                "checkpoint": str(checkpoint),
            }
        )
        return
    names = [name for name in ("mAP", "mINP", "rank1", "rank5", "rank10") if name in report.metrics]
    columns = [f"{name.replace('rank', 'rank-')}, %" for name in names]
    console().print(table(columns, [[percent(report.metrics[name]) for name in names]], right=columns))
    click.echo(report.protocol)


def _config(recipe: str, data: str, settings: tuple[tuple[str, str], ...]) -> Config:
    from reid_core.config import load_config, parse_value

    overrides: list[tuple[str, object]] = [(key, parse_value(text)) for key, text in settings]
    if data:
        overrides.append(("DATASETS.ROOT", str(Path(data).expanduser().resolve())))
    return load_config(recipe, overrides).config
