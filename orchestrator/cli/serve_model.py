"""`reid-tune serve-model` and `drift`: a model that programs ask over HTTP, and whether they ask what it knows."""

from __future__ import annotations

import time
from pathlib import Path

import click

from orchestrator.cli.command import Command
from orchestrator.cli.output import console, json_option, print_json, table

__all__ = ["drift_command", "serve_model_command"]


@click.command("serve-model", cls=Command)
@click.argument("model", metavar="STUDY|FILE")
@click.option("--index", type=click.Path(path_type=Path), help="The index that /search and /identify look in.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; beyond loopback needs a token."
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8400, show_default=True, help="Port; 0 picks a free one."
)
@click.option(
    "--token", envvar="REID_TUNE_TOKEN", default="", help="What every request must carry. Also REID_TUNE_TOKEN."
)
@click.option(
    "--threshold",
    type=click.FloatRange(0, 2),
    help="Cosine distance up to which /identify says who it is. Default: the one kept with the index.",
)
@click.option("--max-batch", type=click.IntRange(1), default=32, show_default=True, help="Images at once.")
@click.option(
    "--max-delay-ms",
    type=click.FloatRange(0),
    default=5.0,
    show_default=True,
    help="How long the first image of a batch waits for others that are on the way.",
)
@click.option(
    "--queue",
    type=click.IntRange(1),
    default=256,
    show_default=True,
    help="Images that may wait; more are answered 429.",
)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, or auto.")
@click.option(
    "--threads", type=click.IntRange(1), help="CPU threads of the model. Default: OMP_NUM_THREADS, or all cores."
)
def serve_model_command(
    model: str,
    index: Path | None,
    host: str,
    port: int,
    token: str,
    threshold: float | None,
    max_batch: int,
    max_delay_ms: float,
    queue: int,
    device: str,
    threads: int | None,
) -> None:
    """Serve a model: of a study (retrained winner, else best trial), or a file.

    POST /embed, /search, /identify.
    Images of many requests go through the model together. GET /model, /healthz, /readyz, /metrics, /openapi.json.
    Ctrl-C (or SIGTERM) finishes what is in flight.

    Examples:
      reid-tune serve-model cows
      reid-tune serve-model model.onnx --index people --port 8400
      reid-tune serve-model model.onnx --index people --host 0.0.0.0 --token "$(openssl rand -hex 16)"
    """
    from dashboards.model_app import serve_model
    from orchestrator.service import logs
    from orchestrator.service.machine import default_threads
    from orchestrator.service.model_out.named import model_file
    from orchestrator.service.served_model.service import ModelService, ModelSettings
    from reid_core.embedder import open_embedder

    settings = ModelSettings(max_batch=max_batch, max_delay=max_delay_ms / 1000, queue=queue, threshold=threshold)
    with logs.told_to_the_terminal():
        embedder = open_embedder(model_file(model), device=device, threads=threads or default_threads())
        serve_model(ModelService(embedder, index, settings), host, port, token)


@click.command("drift", cls=Command)
@click.argument("folder", metavar="INDEX", type=click.Path(path_type=Path))
@click.option("--check", is_flag=True, help="Exit code 1 when the verdict is drift.")
@json_option
def drift_command(folder: Path, *, check: bool, as_json: bool) -> int:
    """Whether what is asked of INDEX lately is as near to it as its own images are to each other.

    `serve-model --index` notes how far its queries are from their nearest image. PSI above 0.1: look; above 0.25, or
    KS above 0.2: drift. With fewer than 100 queries there is no verdict.

    Examples:
      reid-tune drift people
      reid-tune drift people --check --json
    """
    from orchestrator.service.served_model.spread import drift_view

    view = drift_view(folder)
    if as_json:
        print_json(view)
    else:
        told = f"PSI {view.psi:.3f}, KS {view.ks:.3f}, {view.observed:,} queries against {view.expected:,} images"
        click.echo(f"{view.verdict}: {told}")
        click.echo(f"median distance to the nearest: {view.observed_median:.2f}, was {view.expected_median:.2f}")
        columns = ["from", "to", "queries", "median", "PSI", "KS", "verdict"]
        rows = [
            [
                _clock(window.began),
                _clock(window.ended),
                f"{window.observed:,}",
                f"{window.median:.2f}",
                f"{window.psi:.3f}",
                f"{window.ks:.3f}",
                window.verdict,
            ]
            for window in view.windows
        ]
        console().print(table(columns, rows, right=columns[2:6]))
    return int(check and view.verdict == "drift")


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
