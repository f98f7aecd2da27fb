"""`reid-tune data`: images to try things with."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.command import Group
from orchestrator.cli.output import counted, json_option, print_json

__all__ = ["data_group"]


@click.group("data", cls=Group)
def data_group() -> None:
    """Images to try things with.

    Examples:
      reid-tune data example photos/
    """


@data_group.command("example")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--identities", type=click.IntRange(4), default=24, show_default=True, help="To train on.")
@click.option("--test-identities", type=click.IntRange(2), default=12, show_default=True, help="To measure with.")
@click.option("--cameras", type=click.IntRange(2, 99), default=3, show_default=True, help="Each sees everybody.")
@click.option("--images", type=click.IntRange(1, 999), default=4, show_default=True, help="Of one in one camera.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Other people, other cameras.")
@json_option
def data_example(folder: Path, *, as_json: bool, **numbers: int) -> None:
    """Draw people in several cameras into the new FOLDER, with a manifest.csv.

    They are the built-in images: nothing is downloaded.

    Examples:
      reid-tune data example photos/
      reid-tune data example people/ --identities 100 --cameras 6 --seed 3
    """
    from rich.progress import Progress

    from reid_core.data.synthetic.folder import write_folder
    from reid_core.data.synthetic.images import SyntheticParameters

    parameters = SyntheticParameters(
        numbers["identities"], numbers["test_identities"], numbers["cameras"], numbers["images"], numbers["seed"]
    )
    with Progress(transient=True, disable=as_json) as bar:
        task = bar.add_task("drawing", total=None)
        count = write_folder(parameters, folder, lambda done, total: bar.update(task, completed=done, total=total))
    if as_json:
        print_json({"folder": str(folder), "images": count})
    else:
        click.echo(f"{folder}: {counted(count, 'image')} and manifest.csv")
