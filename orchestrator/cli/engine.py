"""`reid-tune config`, `train` and `evaluate`: the engine alone, without a study."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.beginning import beginning
from orchestrator.cli.command import Command, Group
from orchestrator.cli.data_options import data_settings, no_cameras_option, skip_bad_images_option
from orchestrator.cli.measures import epoch_line, print_groups, print_metrics
from orchestrator.cli.output import INTERRUPTED, console, json_option, number, print_json, table
from orchestrator.cli.training import (
    config_option,
    data_option,
    interruptible,
    overrides,
    print_model,
    protocol_option,
    result_json,
    seed_option,
    set_option,
    threads_option,
)

if TYPE_CHECKING:
    from reid_core.api import EpochResult
    from reid_core.config import Config, KeyInfo

__all__ = ["config_group", "evaluate_command", "train_command"]


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
    rows = [[key, number(value), allowed(describe(key)), describe(key).help] for key, value in shown.items()]
    console().print(table(["key", "value", "allowed", "what"], rows, fold=["value", "allowed", "what"]))


def allowed(info: KeyInfo) -> str:
    """The type and its bounds: `true or false`, `Adam | SGD`, `float above 0`, `list[int] 1 to 100`."""
    if info.type == "bool":
        return "true | false"
    if info.choices:
        return " | ".join((*info.choices, *filter(None, [info.form])))
    if info.low is not None and info.high is not None and not info.open_low and not info.open_high:
        return f"{info.type} {number(info.low)} to {number(info.high)}"
    bounds = []
    if info.low is not None:
        bounds.append(f"{'above' if info.open_low else 'from'} {number(info.low)}")
    if info.high is not None:
        bounds.append(f"{'below' if info.open_high else 'to'} {number(info.high)}")
    return " ".join([info.type, *bounds])


@config_group.command("cost")
@click.argument("recipe", default="bnneck")
@set_option
@threads_option
@click.option("--batch", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Images at once.")
@json_option
def config_cost(
    recipe: str, settings: tuple[tuple[str, str], ...], threads: int | None, batch: int, *, as_json: bool
) -> None:
    """What a recipe's model costs: weights, multiply-adds, and milliseconds an image on this machine.

    RECIPE is a shipped recipe or a file. Without the classifier; MODEL.DEVICE says where it runs.

    Examples:
      reid-tune config cost bnneck --threads 1
      reid-tune config cost demo --set MODEL.BACKBONE.DEPTH 0.5x --json
    """
    from orchestrator.service.machine import default_threads
    from reid_core import api

    cost = api.measure_cost(_config(recipe, "", settings), threads=threads or default_threads(), batch=batch)
    if as_json:
        print_json(asdict(cost))
        return
    known = {"parameters": cost.parameters, "flops": cost.flops, "latency_ms": cost.latency_ms}
    from search_spaces.measures import measures_of

    measures = measures_of()
    columns = [measures.label(name) for name in known]
    console().print(table(columns, [[measures.text(value, name) for name, value in known.items()]], right=columns))
    together = "one image at a time" if batch == 1 else f"{batch} images at once"
    click.echo(f"latency: median of an image, {together}, on {cost.device}")


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
    help="Folder for checkpoints. One that holds a training needs --resume.",
)
@set_option
@no_cameras_option
@skip_bad_images_option
@seed_option
@threads_option
@protocol_option
@click.option(
    "--processes",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="Processes that share every batch, one a GPU. Batch norm sees a share only, unless its NORM is syncBN.",
)
@click.option(
    "--lr-scale-rule",
    type=click.Choice(["none", "linear", "sqrt"]),
    help="Scale SOLVER.BASE_LR for the batch size: by r = SOLVER.IMS_PER_BATCH / --lr-scale-batch, or by its root.",
)
@click.option(
    "--lr-scale-batch",
    type=click.IntRange(1),
    metavar="N",
    help="The batch size that SOLVER.BASE_LR was chosen for. Default: the configuration's, 64.",
)
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
    processes: int,
    lr_scale_rule: str | None,
    lr_scale_batch: int | None,
    *,
    no_cameras: bool,
    skip_bad_images: bool,
    resume: bool,
    as_json: bool,
) -> int:
    """Train one configuration and measure it.

    The first Ctrl-C ends it after its epoch, SIGTERM after its batch, with everything saved: --resume goes on there.

    Examples:
      reid-tune train --config demo
      reid-tune train --config bnneck --data cows/ --set SOLVER.MAX_EPOCH 30 --out runs/cows
    """
    from orchestrator.service.machine import default_threads
    from reid_core import api
    from reid_core.config.teachers import check_lessons
    from search_spaces.measures import measures_of

    for key, given in (("SOLVER.LR_SCALE_RULE", lr_scale_rule), ("SOLVER.LR_SCALE_BATCH", lr_scale_batch)):
        if given is not None:
            settings = (*settings, (key, str(given)))
    settings = (*settings, *data_settings(no_cameras=no_cameras, skip_bad_images=skip_bad_images))
    config = _config(recipe, data, settings)
    if lr_scale_batch is not None and config.solver.lr_scale_rule == "none":
        raise click.UsageError("--lr-scale-batch says nothing without --lr-scale-rule linear or sqrt")
    check_lessons(config)
    start = beginning(out, resume=resume, quiet=as_json)

    def line(result: EpochResult) -> str:
        return epoch_line(result, config.solver.max_epoch, measures_of(config.task.name))

    with interruptible("--resume") as asked:
        result = api.train(
            config,
            directory=out,
            protocol=api.Protocol(protocol),
            checkpoint=start,
            seed=seed,
            threads=threads or default_threads(),
            processes=processes,
            on_epoch=None if as_json else lambda epoch: asked.say(line(epoch)),
            should_stop=asked.stop,
            should_leave=asked.leave,
            log=None if as_json else asked.say,
        )
    if as_json:
        print_json(result_json(result))
    elif not result.stopped:
        print_model(result, recipe, data, settings, protocol)
    return INTERRUPTED if result.stopped else 0


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
@no_cameras_option
@skip_bad_images_option
@threads_option
@protocol_option
@click.option("--breakdown", is_flag=True, help="Also a table of cameras and one of identities, the hardest first.")
@json_option
def evaluate_command(
    recipe: str,
    checkpoint: Path,
    data: str,
    settings: tuple[tuple[str, str], ...],
    threads: int | None,
    protocol: str,
    *,
    no_cameras: bool,
    skip_bad_images: bool,
    breakdown: bool,
    as_json: bool,
) -> None:
    """Measure a checkpoint by its task's metrics (mAP, mINP and CMC), with the protocol they were measured under.

    With query expansion, re-ranking or DSR the first row is what comes after it, the second what the embeddings give
    without. --json always has the breakdown by camera and identity.

    Examples:
      reid-tune evaluate --config demo --checkpoint runs/train/epoch-0009.pt
      reid-tune evaluate --config demo --checkpoint best.pt --set TEST.RERANK.ENABLED true --breakdown
      reid-tune evaluate --config cows.yaml --data cows/ --checkpoint cows.pt --json
    """
    from orchestrator.service.machine import default_threads
    from reid_core import api
    from reid_core.errors import NotFound
    from search_spaces.measures import measures_of

    if not checkpoint.exists():
        raise NotFound(f"there is no checkpoint {checkpoint}", hint="give the path of an existing .pt file")
    settings = (*settings, *data_settings(no_cameras=no_cameras, skip_bad_images=skip_bad_images))
    config = _config(recipe, data, settings)
    report = api.evaluate(config, checkpoint, protocol=api.Protocol(protocol), threads=threads or default_threads())
    if as_json:
        print_json(asdict(report))
        return
    measures = measures_of(config.task.name)
    for one in (report, *report.others):
        print_metrics(one.metrics, measures)
        click.echo(one.protocol)
        if breakdown:
            for kind, groups in one.groups.items():
                print_groups(kind, groups, measures)


def _config(recipe: str, data: str, settings: tuple[tuple[str, str], ...]) -> Config:
    from reid_core.config import load_config

    return load_config(recipe, overrides(data, settings)).config
