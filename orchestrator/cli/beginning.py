"""What a training in a folder begins with: nothing, or with --resume its newest checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.output import counted

if TYPE_CHECKING:
    from reid_core.api import CheckpointFile

__all__ = ["beginning"]


def beginning(out: Path, *, resume: bool, quiet: bool) -> CheckpointFile | None:
    """The newest checkpoint in `out`, None where there is none. Raises Conflict for one that is not to be continued."""
    from reid_core import api
    from reid_core.errors import Conflict
    from reid_core.results import UNFINISHED

    start = api.newest_checkpoint(out, log=lambda line: click.echo(line, err=True))
    if start is not None and not resume:
        raise Conflict(
            f"{out} holds a training of {counted(start.epoch, 'epoch')}",
            hint="--resume continues it; for another training give another --out, or delete that folder",
        )
    told = quiet or start is not None or (out / UNFINISHED).is_file()  # the training says what it continues from
    if resume and not told:
        click.echo(f"no checkpoint in {out} yet: starts anew")
    return start
