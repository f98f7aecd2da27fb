"""`reid-tune search`: who in an index is on an image."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command
from orchestrator.cli.index import model_option
from orchestrator.cli.output import console, json_option, print_json, table

if TYPE_CHECKING:
    from orchestrator.service.image_index.views import SearchView
    from reid_core.data.sources import EncodedImage

__all__ = ["search_command"]


@click.command("search", cls=Command)
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--index", "folder", required=True, type=click.Path(path_type=Path), help="The folder of the index.")
@model_option
@click.option("--top", type=click.IntRange(1, 1000), default=10, show_default=True, help="Hits for each image.")
@click.option("--rerank", is_flag=True, help="Put the candidates in the order of k-reciprocal re-ranking.")
@click.option(
    "--html",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write a page with thumbnails and distances that needs nothing beside it.",
)
@json_option
def search_command(
    images: tuple[str, ...], folder: Path, model: str, top: int, html: Path | None, *, rerank: bool, as_json: bool
) -> None:
    """Find the images of an index that are nearest to each IMAGE (files, folders, lists, as for `index build`).

    `-` is standard input: a list of paths, or one image (JPEG, PNG, WebP, BMP, GIF). The model must be
    the one that the index was built with: another one is refused.

    Examples:
      reid-tune search query.jpg --index people --model model.onnx
      reid-tune search query/ --index people --model model.onnx --top 20 --rerank --html found.html
      reid-tune search query.jpg --index people --model model.onnx --json
    """
    from orchestrator.service.image_index.index import search

    piped: dict[str, EncodedImage] = {}
    found = search(folder, images, model, top=top, rerank=rerank, piped=piped)
    if html is not None:
        from orchestrator.service.image_index.page import search_page

        html.write_text(search_page(found, piped=piped), "utf-8")
    if as_json:
        print_json(found)
    else:
        _print_found(found)
        if html is not None:
            click.echo(f"page: {html}")


def _print_found(found: SearchView) -> None:
    for query in found.queries:
        click.echo(f"{query.file} (re-ranked)" if found.reranked else query.file)
        rows = [
            [str(rank), f"{hit.distance:.4f}", hit.pid or "-", str(hit.camid) if hit.camid >= 0 else "-", hit.file]
            for rank, hit in enumerate(query.hits, start=1)
        ]
        columns = ["rank", "distance", "identity", "camera", "file"]
        console().print(table(columns, rows, right=columns[:2], fold=["file"]))
