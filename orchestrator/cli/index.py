"""`reid-tune index`: build and change the galleries that are asked who is on an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.command import Group
from orchestrator.cli.output import console, counted, duration, json_option, print_json, table

if TYPE_CHECKING:
    from orchestrator.service.image_index.index import Sources
    from orchestrator.service.image_index.views import IndexView, WrittenView

__all__ = ["index_group", "model_option"]

index_argument = click.argument("folder", metavar="INDEX", type=click.Path(path_type=Path))
sources_argument = click.argument("sources", nargs=-1, metavar="[IMAGES]...")
model_option = click.option(
    "--model",
    default="",
    metavar="STUDY|FILE",
    help="What embeds the images: a study (its retrained winner, else its best trial), a checkpoint, or an .onnx file.",
)
data_option = click.option(
    "--data", default="", metavar="DIR", help="A data set of a layout that `train` reads: identities and cameras too."
)
split_option = click.option(
    "--split",
    type=click.Choice(["train", "validation", "query", "gallery", "all"]),
    default="gallery",
    show_default=True,
    help="Which part of --data. validation: images of the training identities that a search holds out.",
)
manifest_option = click.option(
    "--manifest",
    type=click.Path(dir_okay=False, path_type=Path),
    help="For an .npy file: a manifest.csv (file, pid, camid, ...) with one row for each vector.",
)
skip_option = click.option("--skip-bad-images", is_flag=True, help="Leave out (and name) images that do not decode.")
wait_option = click.option(
    "--wait",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for another writer.",
)


@click.group("index", cls=Group)
def index_group() -> None:
    """Build and change indexes of images, and look at them."""


@index_group.command("build")
@index_argument
@sources_argument
@model_option
@data_option
@split_option
@manifest_option
@click.option(
    "--kind",
    type=click.Choice(["auto", "flat", "hnsw", "ivfpq"]),
    default="auto",
    show_default=True,
    help="How it is searched. auto: flat (exact) to 50,000 images, hnsw to 200,000, ivfpq beyond.",
)
@skip_option
@wait_option
@json_option
def index_build(folder: Path, sources: tuple[str, ...], *, model: str, kind: Any, as_json: bool, **options: Any) -> int:
    """Make an index in the new folder INDEX.

    IMAGES are folders, image files, manifests (.csv with columns file, pid, camid; other columns are kept), lists with
    a path a line, `-` for such a list on standard input, or what `embed` wrote (.parquet, .npy). With identities a
    threshold for `/identify` is measured and kept. Interrupted, it goes on with `index add`.

    Examples:
      reid-tune index build people --model model.onnx photos/
      reid-tune index build people --model model.onnx manifest.csv
      reid-tune index build market --model model.pt --data market1501/ --split gallery
      reid-tune index build people vectors.parquet
    """
    from orchestrator.service.image_index import index as image_index

    wait = options.pop("wait")
    said = _said(as_json=as_json)
    written = image_index.build(folder, _sources(sources, options), model, kind=kind, wait=wait, **said)
    return _print_written(written, as_json=as_json)


@index_group.command("add")
@index_argument
@sources_argument
@model_option
@data_option
@split_option
@manifest_option
@skip_option
@wait_option
@json_option
def index_add(folder: Path, sources: tuple[str, ...], *, model: str, as_json: bool, **options: Any) -> int:
    """Add images, or vectors, to INDEX. Files that are in it already, however spelled, are skipped.

    Examples:
      reid-tune index add people --model model.onnx photos/tuesday/
      reid-tune index add people tuesday.parquet
    """
    from orchestrator.service.image_index import index as image_index

    wait = options.pop("wait")
    said = _said(as_json=as_json)
    written = image_index.add(folder, _sources(sources, options), model, wait=wait, **said)
    return _print_written(written, as_json=as_json)


@index_group.command("remove")
@index_argument
@click.option("--file", "files", multiple=True, metavar="FILE", help="The image of this file. Repeatable.")
@click.option("--pid", "pids", multiple=True, metavar="PID", help="All images of this identity. Repeatable.")
@click.option("--id", "ids", multiple=True, type=int, metavar="ID", help="The vector with this id. Repeatable.")
@wait_option
@json_option
def index_remove(
    folder: Path, files: tuple[str, ...], pids: tuple[str, ...], ids: tuple[int, ...], *, wait: float, as_json: bool
) -> int:
    """Remove images from INDEX: no search finds them from then on.

    Examples:
      reid-tune index remove people --pid 17
      reid-tune index remove people --file photos/a.jpg --id 4711
    """
    from orchestrator.service.image_index import index as image_index

    if not (files or pids or ids):
        raise click.UsageError("say what to remove: --file, --pid or --id")
    return _print_written(image_index.remove(folder, files=files, pids=pids, ids=ids, wait=wait), as_json=as_json)


@index_group.command("info")
@index_argument
@json_option
def index_info(folder: Path, *, as_json: bool) -> None:
    """What is in INDEX, how it is searched, and what that loses against exact search.

    Examples:
      reid-tune index info people
      reid-tune index info people --json
    """
    from orchestrator.service.image_index.index import index_view

    view = index_view(folder)
    if as_json:
        print_json(view)
    else:
        _print_index(view)


@index_group.command("calibrate")
@index_argument
@sources_argument
@model_option
@data_option
@split_option
@skip_option
@click.option(
    "--fpr",
    type=click.FloatRange(0, 1, min_open=True),
    default=1e-3,
    show_default=True,
    help="Accept this share of the pairs of different identities.",
)
@click.option("--threshold", type=click.FloatRange(0, 2), help="Keep this cosine distance, whatever the images say.")
@wait_option
@json_option
def index_calibrate(
    folder: Path, sources: tuple[str, ...], *, model: str, fpr: float, threshold: float | None, **options: Any
) -> None:
    """Keep the distance up to which two images show the same identity, as `/identify` uses it.

    Measured under the protocol of `evaluate`, between IMAGES whose identities are known, or those of --data; without
    them between the labelled images of INDEX. One measured on other images than its own stays when INDEX changes.
    Take images that the model was not trained on: what it has learned by heart lies closer together than what comes.

    Examples:
      reid-tune index calibrate people --fpr 1e-3
      reid-tune index calibrate people --model model.onnx --data photos/ --split validation
      reid-tune index calibrate people --threshold 0.35
    """
    from orchestrator.service.image_index.index import calibrate

    wait, as_json = options.pop("wait"), options.pop("as_json")
    if threshold is not None and (sources or options["data"]):
        raise click.UsageError("--threshold is kept as it is: leave the images out")
    view = calibrate(folder, _sources(sources, options), model, fpr=fpr, distance=threshold, wait=wait, log=_say)
    if as_json:
        print_json(view)
    else:
        _print_index(view)


@index_group.command("compare")
@click.argument("left", metavar="A", type=click.Path(path_type=Path))
@click.argument("right", metavar="B", type=click.Path(path_type=Path))
@click.option("--top", type=click.IntRange(1), default=10, show_default=True, help="How many nearest are compared.")
@json_option
def index_compare(left: Path, right: Path, top: int, *, as_json: bool) -> None:
    """Two models side by side: indexes A and B of the same images, one of each model's embeddings.

    Prints the share of the nearest that both find and, where identities are known, mAP and rank 1 of each.

    Examples:
      reid-tune index compare people-v1 people-v2
    """
    from orchestrator.service.image_index.index import compare

    found = compare(left, right, top)
    if as_json:
        print_json(found)
        return
    click.echo(f"{counted(found.files, 'file')} in both, {found.queries} of them asked for")
    click.echo(
        f"overlap of the {found.k} nearest: {100 * found.overlap:.1f} %; same nearest: {100 * found.first:.1f} %"
    )
    if found.metrics is None:
        click.echo("no identities: nothing says which is better")
        return
    names = ["mAP", "mINP", "rank1", "rank5"]
    rows = [
        [which, model, *(f"{100 * metrics[name]:.2f}" for name in names)]
        for which, model, metrics in zip("AB", (found.left, found.right), found.metrics, strict=True)
    ]
    console().print(table(["", "model", *names], rows, right=names))


def _sources(paths: tuple[str, ...], options: dict[str, Any]) -> Sources:
    from orchestrator.service.image_index.index import Sources

    skip = options.pop("skip_bad_images")
    return Sources(paths, skip_bad=skip, **options)


def _said(*, as_json: bool) -> dict[str, Any]:
    """How progress is told: on standard error, and only to people."""
    if as_json:
        return {}

    def progress(done: int, total: int) -> None:
        click.echo(f"\r{done:,} of {total:,}", nl=done >= total, err=True)

    return {"progress": progress, "log": _say}


def _say(text: str) -> None:
    click.echo(text, err=True)


def _print_written(written: WrittenView, *, as_json: bool) -> int:
    if as_json:
        print_json(written)
        return 0
    if written.removed:
        click.echo(f"removed {counted(written.removed, 'image')} in {duration(written.seconds)}")
    else:
        told = f"added {counted(written.added, 'image')} in {duration(written.seconds)}"
        click.echo(f"{told} ({written.images_per_second:.0f}/s), {written.skipped} were there already")
    for file in written.bad:
        click.echo(f"  does not decode: {file}", err=True)
    _print_index(written.index)
    return 0


def _print_index(view: IndexView) -> None:
    how = "exact" if view.kind == "flat" else f"recall@10 {view.recall:.3f} on {view.sample} queries"
    rows = [
        ["images", f"{view.rows:,}" + (f" ({view.removed:,} removed)" if view.removed else "")],
        ["numbers each", str(view.dim)],
        ["model", view.model or "-"],
        ["search", f"{view.kind}, {how}" + (f", {view.later:,} later ones exactly" if view.later else "")],
        ["threshold", _threshold(view)],
        *([["measured on", view.threshold_source]] if view.tpr is not None else []),
        ["size", f"{view.bytes / 1e6:,.1f} MB"],
    ]
    console().print(table([view.folder, f"generation {view.generation}"], rows, fold=[f"generation {view.generation}"]))


def _threshold(view: IndexView) -> str:
    if view.threshold is None:
        return "none: no identities are known"
    if view.fpr is None or view.tpr is None:
        return f"{view.threshold:.4f} (given)"
    return f"{view.threshold:.4f}: accepts {100 * view.tpr:.1f} % of true pairs, {100 * view.fpr:g} % of false ones"
