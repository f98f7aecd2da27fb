"""`reid-tune support-bundle`: what helps others to find a fault, in one file."""

from __future__ import annotations

from pathlib import Path

import click

from orchestrator.cli.command import Command
from orchestrator.cli.completion import complete_study
from orchestrator.cli.output import json_option, print_json

__all__ = ["support_command"]


@click.command("support-bundle", cls=Command)
@click.argument("study", required=False, shell_complete=complete_study)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE.zip", help="Where to; default: a name here."
)
@json_option
def support_command(study: str | None, out: Path | None, *, as_json: bool) -> None:
    """Write versions, the doctor's findings, logs and the events of STUDY into a zip file.

    No images, no checkpoints and no secrets: passwords and tokens are replaced, of the environment only what is
    known to be harmless goes in. Have a look before you send it.

    Examples:
      reid-tune support-bundle
      reid-tune support-bundle cows --out cows.zip
    """
    from orchestrator.service.bundle import make_bundle
    from orchestrator.service.service import Service

    made = make_bundle(Service(), study, out)
    if as_json:
        print_json(made)
    else:
        click.echo(f"{made.path}: {made.size / 1024:.0f} KiB in {len(made.parts)} parts")
