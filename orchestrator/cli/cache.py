"""`reid-tune cache`: decoded images of this machine, what they take, and removing them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Group
from orchestrator.cli.output import console, counted, duration, json_option, print_json, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.service.cached import CacheRow, CacheView

__all__ = ["cache_group"]

_DAY = 86_400.0

folder_option = click.option(
    "--folder", default="", metavar="DIR", help="Another cache (DATALOADER.CACHE_DIR). Default: that of this home."
)


@click.group("cache", cls=Group)
def cache_group() -> None:
    """Decoded images on this machine: what is kept, and removing it.

    Trials decode the images of a data set once, at each size, and share them. When a new array does not fit below the
    limit (64 GiB, `reid-tune cache limit`, or REID_TUNE_CACHE_GIB), those unused longest go; what a process uses stays.
    """


@cache_group.command("ls")
@folder_option
@json_option
def cache_ls(folder: str, *, as_json: bool) -> None:
    """Every array of decoded images, those unused longest (which go first) first.

    Examples:
      reid-tune cache ls
      reid-tune cache ls --json
    """
    from orchestrator.service.cached import cache_view

    found = cache_view(folder)
    if as_json:
        print_json(found)
        return
    if found.rows:
        console().print(_table(found.rows))
        click.echo()
    click.echo(_total(found))


@cache_group.command("clear")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--unused-for", type=click.FloatRange(min=0), default=0.0, metavar="DAYS", help="Only what was unused for so long."
)
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@folder_option
@json_option
def cache_clear(
    names: tuple[str, ...], unused_for: float, folder: str, *, dry_run: bool, yes: bool, as_json: bool
) -> None:
    """Remove decoded images: all, or those named by the first letters of their names. They can be made again.

    What a process uses stays. Asks first, unless told --yes.

    Examples:
      reid-tune cache clear --dry-run
      reid-tune cache clear --unused-for 30 --yes
      reid-tune cache clear 3fa9
    """
    from orchestrator.service.cached import Cleared, clear_cache, going

    rows = going(names, unused_for=unused_for * _DAY, folder=folder)
    free = tuple(row for row in rows if not row.used)
    if dry_run:
        busy = tuple(row for row in rows if row.used)
        done = Cleared(folder=folder, removed=free, bytes=sum(row.bytes for row in free), in_use=busy)
    else:
        if free and not yes:
            _confirm(free)
        done = clear_cache(rows, folder)
    if as_json:
        print_json(done)
        return
    if done.removed:
        console().print(_table(done.removed))
    would = "would be removed" if dry_run else "removed"
    kept = f"; {counted(len(done.in_use), 'array')} in use stays" if done.in_use else ""
    click.echo(f"{counted(len(done.removed), 'array')} {would}, {_size(done.bytes)}{kept}")


@cache_group.command("limit")
@click.argument("gib", type=float, metavar="GIB", required=False)
@folder_option
@json_option
def cache_limit(gib: float | None, folder: str, *, as_json: bool) -> None:
    """Show or set how many GiB all arrays together may take. It counts when the next is built.

    The environment's REID_TUNE_CACHE_GIB goes over it.

    Examples:
      reid-tune cache limit
      reid-tune cache limit 200
    """
    from orchestrator.service.cached import cache_view, set_limit

    found = cache_view(folder) if gib is None else set_limit(gib, folder)
    if as_json:
        print_json(found)
        return
    click.echo(_total(found))


def _confirm(rows: Sequence[CacheRow]) -> None:
    from reid_core.errors import UsageError

    if not sys.stdin.isatty():
        raise UsageError("removing needs a confirmation, and nobody can be asked here", hint="add --yes")
    size = _size(sum(row.bytes for row in rows))
    click.confirm(f"Remove {counted(len(rows), 'array')} of decoded images, {size}?", abort=True, err=True)


def _table(rows: Sequence[CacheRow]) -> object:
    cells = [
        [
            row.name[:8],
            f"{row.images:,}",
            f"{row.height} x {row.width}",
            row.interpolation or "-",
            _size(row.bytes),
            "in use" if row.used else f"{duration(row.seconds_unused)} ago",
            row.place or "-",
        ]
        for row in rows
    ]
    columns = ["name", "images", "size", "filter", "takes", "last use", "of"]
    return table(columns, cells, right=["images", "takes"], fold=["of"])


def _total(found: CacheView) -> str:
    limit = _size(found.limit)
    return f"{counted(len(found.rows), 'array')}, {_size(found.bytes)} of at most {limit}, in {found.folder}/images"


def _size(count: int) -> str:
    """`1.2 GiB`."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} B"
