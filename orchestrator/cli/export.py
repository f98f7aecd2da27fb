"""`reid-tune export`: a trained model as a file for other programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.command import Group
from orchestrator.cli.completion import complete_study
from orchestrator.cli.image_bar import image_bar
from orchestrator.cli.output import json_option, print_json
from orchestrator.cli.training import data_option, threads_option

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from orchestrator.service.model_out.find import FoundModel
    from reid_core.config.values import Values
    from reid_core.export.card import ModelCard
    from reid_core.export.write import Exported, Precision, Preprocess, Wanted

__all__ = ["export_group"]

_model = click.argument("model", metavar="STUDY|CHECKPOINT", shell_complete=complete_study)
_OPTIONS: tuple[Callable[..., Any], ...] = (
    click.option("--trial", type=int, metavar="N", help="Of a study: this trial instead of the winner."),
    click.option(
        "--out", "out_file", type=click.Path(dir_okay=False, path_type=Path), help="Default: NAME.SUFFIX here."
    ),
    click.option("--verify", is_flag=True, help="Compare it with the model on the test split: cosine, ranks, mAP."),
    click.option(
        "--preprocess",
        type=click.Choice(["inside", "outside"]),
        default="inside",
        show_default=True,
        help="inside: takes RGB bytes and normalises them. outside: takes normalised floats.",
    ),
    click.option(
        "--flip/--no-flip", default=None, help="Add the mirror image's embedding. Default: as TEST.FLIP says."
    ),
    data_option,
    threads_option,
    json_option,
)


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group("export", cls=Group)
def export_group() -> None:
    """A trained model as a file for other programs, and the card that it carries.

    A study gives its retrained winner, or its best trial where none was retrained.

    Examples:
      reid-tune export onnx latest --verify
      reid-tune export onnx runs/train/epoch-0060.pt --int8 --out model.onnx
      reid-tune export card model.onnx
    """


@export_group.command("onnx")
@_model
@click.option("--fp16", is_flag=True, help="Half floats inside; input and output stay as they are.")
@click.option("--int8", is_flag=True, help="8 bits, calibrated on training images; the loss of mAP is measured.")
@click.option(
    "--calibrate", type=click.IntRange(16), default=256, show_default=True, metavar="N", help="Images for that."
)
@click.option("--dynamic-batch", is_flag=True, help="Any number of images at a time. This is the default.")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Exactly so many images at a time.")
@click.option("--opset", type=click.IntRange(17, 20), default=18, show_default=True, metavar="N", help="Operator set.")
@click.option("--build", is_flag=True, help="Go on to TensorRT and OpenVINO where trtexec and ovc are installed.")
@_options
def export_onnx(
    model: str,
    calibrate: int,
    batch: int | None,
    opset: int,
    *,
    fp16: bool,
    int8: bool,
    dynamic_batch: bool,
    build: bool,
    **common: Any,
) -> None:
    """The model as ONNX, with its card in it, and how it goes on to TensorRT and OpenVINO beside it.

    Input `images` (batch, 3, H, W), output `embedding` (batch, D) of unit length. Batch norms and RepVGG's branches are
    part of the convolutions. Checked against PyTorch in ONNX Runtime: on noise, with --verify on the test split.

    Examples:
      reid-tune export onnx latest --verify
      reid-tune export onnx cows --fp16 --batch 1 --out cows.onnx
      reid-tune export onnx cows --int8 --data cows/
    """
    from reid_core.export.write import Wanted

    if fp16 and int8:
        raise click.UsageError("--fp16 and --int8: give one of them")
    if dynamic_batch and batch is not None:
        raise click.UsageError("--dynamic-batch and --batch: give one of them")
    precision: Precision = "float16" if fp16 else "int8" if int8 else "float32"
    wanted = Wanted("onnx", precision, batch=batch, opset=opset, calibration=calibrate)
    _export(model, wanted, build=build, **common)


@export_group.command("torchscript")
@_model
@_options
def export_torchscript(model: str, **common: Any) -> None:
    """The model as TorchScript, for libtorch and Triton.

    Examples:
      reid-tune export torchscript latest --verify
    """
    from reid_core.export.write import Wanted

    _export(model, Wanted("torchscript"), **common)


@export_group.command("torch-export")
@_model
@_options
def export_program(model: str, **common: Any) -> None:
    """The model as a program of torch.export (.pt2), for AOTInductor and ExecuTorch.

    Examples:
      reid-tune export torch-export latest --verify
    """
    from reid_core.export.write import Wanted

    _export(model, Wanted("torch-export"), **common)


@export_group.command("card")
@click.argument("file", metavar="STUDY|FILE", shell_complete=complete_study)
@json_option
def export_card(file: str, *, as_json: bool) -> None:
    """What a model tells of itself: recipe, data, metrics and protocol, licence, versions, SHA-256.

    Examples:
      reid-tune export card model.onnx
      reid-tune export card latest --json
    """
    from orchestrator.service.model_out.find import find_model
    from orchestrator.service.service import Service
    from reid_core.embedder import open_embedder

    card = open_embedder(find_model(Service(), file).path, device="cpu").card
    if as_json:
        click.echo(card.text(), nl=False)
    else:
        click.echo("\n".join(card_lines(card)))


def _export(
    model: str,
    wanted: Wanted,
    *,
    trial: int | None,
    out_file: Path | None,
    verify: bool,
    preprocess: Preprocess,
    flip: bool | None,
    data: str,
    threads: int | None,
    as_json: bool,
    build: bool = False,
) -> None:
    from dataclasses import replace

    from orchestrator.service.machine import default_threads
    from orchestrator.service.model_out.find import find_model
    from orchestrator.service.service import Service
    from reid_core.data.remote import full_name
    from reid_core.export.deploy import build as run_tools
    from reid_core.export.write import SUFFIXES, export_checkpoint

    found = find_model(Service(), model, trial=trial)
    elsewhere: Values = {"DATASETS.ROOT": full_name(data)} if data else {}
    wanted = replace(wanted, preprocess=preprocess, flip=flip, verify=verify, data=elsewhere)
    out = out_file or Path(found.title).with_suffix(SUFFIXES[wanted.format])
    with image_bar(quiet=as_json, words="comparing") as progress:
        made = export_checkpoint(found.path, out, wanted, threads=threads or default_threads(), progress=progress)
    built = run_tools(made.steps) if build else ()
    if as_json:
        print_json(_plain(found, made, built))
        return
    click.echo("\n".join(_lines(found, made, built)))


def _plain(found: FoundModel, made: Exported, built: tuple[Path, ...]) -> dict[str, object]:
    return {
        "file": str(made.path),
        "model": str(found.path),
        "which": found.words,
        "verified": made.verified,
        "agreement": asdict(made.agreement) | {"map_drop": made.agreement.map_drop},
        "card": made.card.model_dump(mode="json"),
        "notes": list(made.notes),
        "commands": {step.tool: step.line for step in made.steps},
        "built": [str(path) for path in built],
    }


def _lines(found: FoundModel, made: Exported, built: tuple[Path, ...]) -> list[str]:
    one = made.agreement
    where = f"{one.images} images of the test split" if made.verified else "8 images of noise"
    lines = [
        f"Model     {found.words}",
        f"File      {made.path} ({made.path.stat().st_size / 1e6:.1f} MB)",
        f"Against PyTorch, {where}:",
        f"  cosine {one.cosine_mean:.6f} in the mean, {one.cosine_min:.6f} least; differs {one.max_difference:.1e}",
    ]
    if made.verified:
        lines.append(f"  same first {100 * one.same_first:.1f} %, of the ten nearest {100 * one.top10:.1f} % the same")
    if one.map_model is not None and one.map_file is not None:
        drop = 100 * (one.map_model - one.map_file)
        lines.append(f"  mAP {100 * one.map_model:.2f} % -> {100 * one.map_file:.2f} % ({-drop:+.2f} points)")
    lines += [f"Note      {note}" for note in made.notes]
    lines.append(f"Licence   {made.card.licence.value}: {_origins(made.card)}")
    for step in made.steps:
        state = f"built {step.makes}" if step.makes in built else ("" if step.here else "not installed here; there: ")
        lines.append(f"{step.tool:<9} {state if step.makes in built else state + step.line}")
    return lines


def card_lines(card: ModelCard) -> list[str]:
    """A card for people."""
    metrics = ", ".join(f"{name} {value:.3f}" for name, value in card.metrics.items()) or "not known"
    checks = ", ".join(f"{name} {value:.6g}" for name, value in card.checks.items())
    return [
        f"Name      {card.name}",
        f"Network   {card.network}; embeddings of {card.dim} numbers, {card.precision}"
        + ("; flipped features added" if card.flip else ""),
        f"Input     {card.preprocess} normalisation, {card.interpolation} resizing to {card.size[0]} x {card.size[1]}",
        f"Trained   {card.epoch} epochs, {card.identities} identities, seed {card.seed}",
        f"Measured  {metrics}" + (f" ({card.protocol})" if card.protocol else ""),
        f"Data      {card.data or 'not known'}",
        f"Licence   {card.licence.value}: {_origins(card)}",
        *([f"Checks    {checks}"] if checks else []),
        f"Versions  trained with {_versions(card.trained_with)}",
        f"          exported with {_versions(card.versions)}",
        f"Weights   {card.weights}",
        f"SHA-256   {card.sha256 or 'see the JSON beside the file'}",
    ]


def _versions(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(versions.items())) or "versions that are not known"


def _origins(card: ModelCard) -> str:
    return "; ".join(f"{one.what}: {one.why}" for one in card.origins) or "nothing is known of what it was made from"
