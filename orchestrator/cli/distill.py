"""`reid-tune distill`: a student taught by a larger model, without a study."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.beginning import beginning
from orchestrator.cli.command import Command
from orchestrator.cli.data_options import data_settings, no_cameras_option, skip_bad_images_option
from orchestrator.cli.measures import epoch_line
from orchestrator.cli.output import INTERRUPTED, console, json_option, print_json, table
from orchestrator.cli.teachers import teacher_text
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
    from orchestrator.events import Teacher
    from orchestrator.service.distill import Taught
    from reid_core.api import EpochResult, Report, TrainResult
    from search_spaces.measures import Measures

__all__ = ["distill_command"]

_TERMS = ("logits", "overhaul", "relation", "embedding")


def _terms(context: click.Context, option: click.Parameter, text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in _TERMS:
            raise click.BadParameter(f"there is no term {name!r}; there are {', '.join(_TERMS)}", context, option)
    return names


@click.command("distill", cls=Command)
@config_option
@click.option(
    "--teacher",
    "teachers",
    required=True,
    multiple=True,
    metavar="STUDY|FILE",
    help="A checkpoint, or study:NAME: its retrained winner; its best trial with --protocol validation. Repeatable.",
)
@click.option(
    "--teacher-weight",
    "weights",
    type=float,
    multiple=True,
    metavar="X",
    help="How much a teacher counts, one for each --teacher. Default: all the same.",
)
@click.option(
    "--terms",
    default="",
    metavar="NAMES",
    callback=_terms,
    help="What is learned, with commas, at the usual scales: logits, overhaul, relation, embedding. "
    "Default: what KD of the configuration says, which is logits.",
)
@data_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("runs/distill"),
    show_default=True,
    help="Folder for checkpoints. One that holds a training needs --resume.",
)
@set_option
@no_cameras_option
@skip_bad_images_option
@seed_option
@threads_option
@protocol_option
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="As for `train`.")
@click.option("--resume", is_flag=True, help="Continue from the newest checkpoint in --out.")
@json_option
def distill_command(*, out: Path, resume: bool, as_json: bool, **options: Any) -> int:
    """Train a student that learns from one or several teachers, and measure both.

    The configuration is the student's; a teacher brings its own, with another architecture or image size. Its weights
    do not change and are not part of the student's checkpoint.

    Examples:
      reid-tune distill --config demo --teacher runs/train/epoch-0009.pt --terms logits,overhaul
      reid-tune distill --config student.yaml --data cows/ --teacher study:cows --out runs/small-cows
      reid-tune distill --config demo --teacher a.pt --teacher b.pt --teacher-weight 2 --teacher-weight 1
    """
    from orchestrator.service.distill import measured_teacher
    from orchestrator.service.machine import default_threads
    from reid_core import api
    from search_spaces.measures import measures_of

    protocol, threads = api.Protocol(options["protocol"]), options["threads"] or default_threads()
    settings = (*options["settings"], *data_settings(**{k: options[k] for k in ("no_cameras", "skip_bad_images")}))
    taught = _taught(options, settings, protocol)
    start = beginning(out, resume=resume, quiet=as_json)
    measures = measures_of(taught.config.task.name)
    measured = [measured_teacher(one, taught.config, protocol, threads=threads) for one in taught.teachers]
    if not as_json:
        _introduce(taught, measured, measures)

    def line(result: EpochResult) -> str:
        return epoch_line(result, taught.config.solver.max_epoch, measures)

    with interruptible("--resume") as asked:
        result = api.train(
            taught.config,
            directory=out,
            protocol=protocol,
            checkpoint=start,
            seed=options["seed"],
            threads=threads,
            processes=options["processes"],
            on_epoch=None if as_json else lambda epoch: asked.say(line(epoch)),
            should_stop=asked.stop,
            should_leave=asked.leave,
            log=None if as_json else asked.say,
        )
    if as_json:
        print_json(_plain(result, taught, measured))
    elif not result.stopped:
        _print_beside(result, taught, measured, measures)
        print_model(result, options["recipe"], options["data"], settings, options["protocol"])
    return INTERRUPTED if result.stopped else 0


def _taught(options: dict[str, Any], settings: tuple[tuple[str, str], ...], protocol: Any) -> Taught:
    from orchestrator.service.distill import distilled
    from orchestrator.service.service import Service

    return distilled(
        Service(),
        options["recipe"],
        overrides(options["data"], settings),
        teachers=options["teachers"],
        weights=options["weights"],
        terms=options["terms"],
        protocol=protocol,
    )


def _introduce(taught: Taught, measured: list[Report | str], measures: Measures) -> None:
    for one, report in zip(taught.teachers, measured, strict=True):
        click.echo(f"Teacher   {teacher_text(one, taught.config.task.name)}")
        if isinstance(report, str):
            click.echo(f"          not measured: {report}")
        else:
            known = measures.told(report.metrics)
            told = ", ".join(f"{name} {measures.percent(report.metrics[name], name)}" for name in known)
            click.echo(f"          {told} ({report.protocol})")


def _print_beside(result: TrainResult, taught: Taught, measured: list[Report | str], measures: Measures) -> None:
    """The student below its teachers, on the same images under the same protocol."""
    rows: list[tuple[str, dict[str, float]]] = [
        (_name(one), {} if isinstance(report, str) else dict(report.metrics))
        for one, report in zip(taught.teachers, measured, strict=True)
    ]
    rows.append(("student", dict(result.metrics)))
    names = measures.told({name for _, metrics in rows for name in metrics})
    columns = ["", *map(measures.label, names)]
    cells = [[name, *(measures.text(metrics.get(metric), metric) for metric in names)] for name, metrics in rows]
    console().print(table(columns, cells, right=columns[1:]))


def _name(teacher: Teacher) -> str:
    return f"teacher {teacher.source}"


def _plain(result: TrainResult, taught: Taught, measured: list[Report | str]) -> dict[str, object]:
    from orchestrator.cli.output import plain_json

    return {
        **result_json(result),
        "notes": list(taught.notes),
        "teachers": [
            {**plain_json(one), "metrics": None if isinstance(report, str) else dict(report.metrics)}
            for one, report in zip(taught.teachers, measured, strict=True)
        ],
    }
