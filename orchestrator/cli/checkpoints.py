"""`reid-tune checkpoints`: what is kept of a study's trials, and the removal of the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.acting import whoever
from orchestrator.cli.command import Group
from orchestrator.cli.completion import complete_study
from orchestrator.cli.output import console, counted, json_option, print_json, study_argument, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.service.retention import CheckpointRow

__all__ = ["checkpoints_group"]

keep_option = click.option(
    "--keep",
    type=click.Choice(["best", "last", "all"]),
    help="best: best, newest and those of rungs. last: the newest. Default: the study's policy.",
)


@click.group("checkpoints", cls=Group)
def checkpoints_group() -> None:
    """Look at a study's checkpoints and remove what is not needed."""


@checkpoints_group.command("ls")
@study_argument
@keep_option
@json_option
def checkpoints_ls(study: str, keep: str | None, *, as_json: bool) -> None:
    """Every checkpoint with its size, and why it stays or goes; also files that no event names (orphans).

    Examples:
      reid-tune checkpoints ls
      reid-tune checkpoints ls cows --keep last --json
    """
    from orchestrator.events import Keep
    from orchestrator.service.retention import checkpoints_of
    from orchestrator.service.service import Service

    found = checkpoints_of(Service(), study, Keep(keep) if keep else None)
    if as_json:
        print_json(found)
        return
    out = console()
    out.print(_table(found.rows))
    going = [row for row in found.rows if not row.stays]
    out.print(f"\n{counted(len(found.rows), 'checkpoint')}, {_size(found.bytes)} in {found.place}", soft_wrap=True)
    if going:
        freed = _size(sum(row.bytes for row in going))
        out.print(f"`reid-tune checkpoints prune {found.study}` removes {len(going)} of them: {freed}")


@checkpoints_group.command("prune")
@click.argument("study", shell_complete=complete_study)
@keep_option
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@json_option
def checkpoints_prune(study: str, keep: str | None, *, dry_run: bool, as_json: bool) -> int:
    """Remove what the study's policy does not keep, and orphans. With --keep, that is its policy from now on.

    Trials that run or are to go on keep theirs, and so do pinned ones. Exit code 1 when something could not be removed.

    Examples:
      reid-tune checkpoints prune cows --dry-run
      reid-tune checkpoints prune cows --keep last
    """
    from orchestrator.events import Keep
    from orchestrator.service.retention import prune
    from orchestrator.service.service import Service

    by = whoever()
    done = prune(Service(), study, keep=Keep(keep) if keep else None, by=by, dry_run=dry_run)
    if as_json:
        print_json(done)
        return int(bool(done.failed))
    out = console()
    if done.removed:
        out.print(_table(done.removed))
    would = "would be removed" if dry_run else "removed"
    out.print(
        f"{counted(len(done.removed), 'checkpoint')} {would}, {_size(done.bytes)}; {done.study} keeps: {done.keep}"
    )
    for line in done.failed:
        click.echo(f"not removed: {line}", err=True)
    return int(bool(done.failed))


def _table(rows: Sequence[CheckpointRow]) -> object:
    cells = [
        [
            str(row.trial),
            "-" if row.epoch is None else str(row.epoch),
            _size(row.bytes),
            row.why.value,
            row.path.rpartition("/")[2],
        ]
        for row in rows
    ]
    return table(["trial", "epoch", "size", "why", "file"], cells, right=["trial", "epoch", "size"])


def _size(count: int) -> str:
    """`1.2 GB`, in powers of ten."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
