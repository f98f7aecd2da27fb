"""`reid-tune submit`: rank lists of images without labels, as competitions ask for them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command
from orchestrator.cli.image_bar import image_bar
from orchestrator.cli.output import json_option, print_json
from orchestrator.cli.training import set_option, threads_option

if TYPE_CHECKING:
    from reid_core.config.values import Value

__all__ = ["submit_command"]


def _scales(context: click.Context, option: click.Parameter, text: str) -> tuple[float, ...]:
    try:
        return tuple(float(one) for one in text.split(",") if one.strip())
    except ValueError:
        raise click.BadParameter(f"{text!r} is no list of numbers, as 1,1.25 is", context, option) from None


@click.command("submit", cls=Command)
@click.option(
    "--checkpoint",
    "checkpoints",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="A checkpoint that `train`, `best --retrain` or a trial wrote. Repeatable: an ensemble.",
)
@click.option(
    "--weight",
    "weights",
    type=float,
    multiple=True,
    metavar="X",
    help="How much a checkpoint counts, one for each --checkpoint. Default: all the same.",
)
@click.option(
    "--data", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Folder with both folders of images."
)
@click.option("--query", default="query", show_default=True, metavar="NAME", help="Folder of queries in --data.")
@click.option(
    "--gallery", default="gallery", show_default=True, metavar="NAME", help="Folder of the gallery in --data."
)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="File to write, replaced if there."
)
@click.option(
    "--top", type=click.IntRange(1), default=200, show_default=True, metavar="N", help="Gallery images a query."
)
@click.option("--rerank", is_flag=True, help="Re-rank by k-reciprocal neighbours (TEST.RERANK).")
@click.option("--expand", is_flag=True, help="Expand queries by their neighbours (TEST.AQE).")
@click.option("--flip", is_flag=True, help="Add the mirrored image's embedding (TEST.FLIP).")
@click.option(
    "--scales", default="", metavar="X,Y", callback=_scales, help="Embed at these sizes and sum (TEST.SCALES)."
)
@set_option
@threads_option
@json_option
def submit_command(
    checkpoints: tuple[Path, ...],
    weights: tuple[float, ...],
    data: Path,
    query: str,
    gallery: str,
    out: Path,
    top: int,
    scales: tuple[float, ...],
    settings: tuple[tuple[str, str], ...],
    threads: int | None,
    *,
    rerank: bool,
    expand: bool,
    flip: bool,
    as_json: bool,
) -> None:
    """Rank the gallery for each query with one model or several, and write the lists as NAIC asks for them.

    The file is one JSON object: for the name of each query image those of its nearest gallery images, best first.
    Models may differ in everything, image size included. Query expansion and re-ranking are as the first checkpoint
    says, unless an option or --set KEY VALUE, which holds for all of them, says otherwise.

    Examples:
      reid-tune submit --checkpoint a.pt --data test/ --out result.json --rerank
      reid-tune submit --checkpoint a.pt --checkpoint b.pt --scales 1,1.2 --data test/ --out r.json
    """
    from orchestrator.service.machine import default_threads
    from reid_core import api
    from reid_core.config import parse_value
    from reid_core.errors import NotFound, ReidTuneError

    for path in checkpoints:
        if not path.exists():
            raise NotFound(f"there is no checkpoint {path}", hint="give the path of an existing .pt file")
    wanted: dict[str, Value] = {key: parse_value(text) for key, text in settings}
    switches = {"TEST.RERANK.ENABLED": rerank, "TEST.AQE.ENABLED": expand, "TEST.FLIP.ENABLED": flip}
    wanted |= {key: True for key, on in switches.items() if on}
    if scales:
        wanted["TEST.SCALES"] = list(scales)
    if not out.parent.is_dir():
        raise NotFound(f"there is no folder {out.parent}", hint="make it, or name another file with --out")
    with image_bar(quiet=as_json) as progress:
        found = api.submit(
            checkpoints,
            data,
            query=query,
            gallery=gallery,
            weights=weights,
            settings=wanted,
            top=top,
            threads=threads or default_threads(),
            progress=progress,
        )
    try:
        _write(out, {name: list(names) for name, names in found.ranking.items()})
    except OSError as error:
        raise ReidTuneError(f"cannot write {out}: {error.strerror}", hint="name another file with --out") from error
    told = {"out": str(out), "queries": len(found.ranking), "gallery": found.gallery, "conditions": found.conditions}
    if as_json:
        print_json({**told, "top": min(top, found.gallery)})
        return
    click.echo(f"{told['queries']} queries x {found.gallery} gallery; {found.conditions}")
    click.echo(f"Submission  {out}")


def _write(path: Path, ranking: dict[str, list[str]]) -> None:
    """The file is whole or not there: a half-written submission would count as one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(json.dumps(ranking, ensure_ascii=False), "utf-8")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
