"""`reid-tune embed`: embeddings of images, folders, lists and videos in a file."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.command import Command
from orchestrator.cli.image_bar import image_bar
from orchestrator.cli.output import INTERRUPTED, json_option, print_json
from orchestrator.cli.training import threads_option

__all__ = ["embed_command"]

_SHOWN = 10


@click.command("embed", cls=Command)
@click.argument("images", nargs=-1, required=True, metavar="IMAGES...")
@click.option(
    "--model",
    required=True,
    metavar="STUDY|FILE",
    help="A study (its retrained winner, else its best trial), a checkpoint, or a file that `export` wrote.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write, replaced if there: .parquet, or .npy with a manifest beside it.",
)
@click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Each N-th video frame."
)
@click.option("--fps", type=click.FloatRange(min=0, min_open=True), metavar="X", help="So many video frames a second.")
@click.option("--skip-bad-images", is_flag=True, help="Leave out images that do not decode, and count them.")
@click.option("--batch", type=click.IntRange(1), metavar="N", help="Images at once. Default: as many as fit.")
@click.option("--device", default="auto", show_default=True, metavar="NAME", help="auto, cpu, cuda, cuda:1 ...")
@threads_option
@json_option
def embed_command(
    images: tuple[str, ...],
    model: str,
    out: Path,
    every: int,
    fps: float | None,
    batch: int | None,
    device: str,
    threads: int | None,
    *,
    skip_bad_images: bool,
    as_json: bool,
) -> int:
    """Embed IMAGES: files, folders, manifests (.csv), lists of paths (.txt), videos.

    `-` is standard input: a list of paths, or one image (JPEG, PNG, WebP, BMP, GIF), whose file is then `-`. The rows
    have unit length: their dot products are cosines. What is interrupted goes on when it is run again; images that
    were replaced meanwhile are embedded anew.

    Examples:
      reid-tune embed photos/ --model latest --out features.parquet
      reid-tune embed film.mp4 --fps 2 --model cows.onnx --out film.npy
      find photos -name '*.jpg' | reid-tune embed - --model cows --out features.parquet --json
      curl -s https://example.org/cow.jpg | reid-tune embed - --model cows --out cow.parquet
    """
    from orchestrator.service.machine import default_threads
    from orchestrator.service.model_out.embed import embed_pictures
    from orchestrator.service.model_out.find import find_model
    from orchestrator.service.model_out.pictures import Pictures, Sampling
    from orchestrator.service.service import Service
    from reid_core.embedder import open_embedder

    if fps is not None and every != 1:
        raise click.UsageError("--every and --fps: give one of them")
    found = find_model(Service(), model)
    pictures = Pictures(images, Sampling(every, fps))
    embedder = open_embedder(found.path, device=device, threads=threads or default_threads())
    if batch is not None:
        embedder.batch = batch
    try:
        with image_bar(quiet=as_json) as progress:
            made = embed_pictures(embedder, pictures, out, skip_bad=skip_bad_images, progress=progress)
    except KeyboardInterrupt:
        click.echo("interrupted; what is done is kept: run the same command again to go on", err=True)
        return INTERRUPTED
    if as_json:
        print_json(
            {
                "out": str(made.out),
                "images": made.images,
                "dim": made.dim,
                "model": made.model,
                "which": found.words,
                "resumed": made.resumed,
                "images_per_second": round(made.images_per_second, 1),
                "bad": [{"file": one.file, "reason": one.reason} for one in made.bad],
            }
        )
        return 0
    click.echo(f"Model   {found.words} ({made.model})")
    again = f"; {made.resumed} of them from the interrupted run" if made.resumed else ""
    click.echo(f"Images  {made.images}, {made.images_per_second:.0f} images/s{again}")
    if made.bad:
        click.echo(f"Bad     {len(made.bad)} do not decode and are left out:")
        for one in made.bad[:_SHOWN]:
            click.echo(f"  {one.file}: {one.reason}")
        if len(made.bad) > _SHOWN:
            click.echo(f"  and {len(made.bad) - _SHOWN} more; --json has them all")
    click.echo(f"Written {made.out} ({made.images} x {made.dim})")
    return 0
