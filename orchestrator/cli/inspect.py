"""`reid-tune inspect`: which queries a model gets wrong, and where."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command
from orchestrator.cli.output import (
    console,
    counted,
    json_option,
    percent,
    plain_json,
    print_json,
    study_argument,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from orchestrator.service.inspection.views import Gallery, GroupRow, QueryRow

__all__ = ["inspect_command"]

_SHOWN = 10


@click.command("inspect", cls=Command)
@study_argument
@click.argument("trial", type=int, required=False)
@click.option("--winner", is_flag=True, help="The retrained winner, on the test split.")
@click.option(
    "--top", type=click.IntRange(1, 100), default=20, show_default=True, help="Images of each query's list to keep."
)
@json_option
def inspect_command(study: str, trial: int | None, *, winner: bool, top: int, as_json: bool) -> None:
    """Look into a trial's retrieval: its hardest queries, cameras and identities, and who is taken for whom.

    TRIAL is a number; default: the best one. What is found is kept beside the trial and built once for a checkpoint;
    the trial's page of the dashboard shows it with the images.

    Examples:
      reid-tune inspect latest
      reid-tune inspect cows 3 --top 50
      reid-tune inspect cows --winner --json
    """
    from orchestrator.service.inspection.gallery import Galleries
    from orchestrator.service.inspection.views import QueryWish
    from orchestrator.service.service import Service

    if winner and trial is not None:
        raise click.UsageError("--winner and TRIAL both choose: give one of them")
    service = Service()
    number = None if winner else (trial if trial is not None else service.winner(study).trial)
    galleries = Galleries(service)
    with _progress(quiet=as_json) as tell:
        galleries.inspections.build(study, number, top=top, progress=tell)
    found = galleries.gallery(study, number)
    queries = galleries.queries(study, number, QueryWish(size=_SHOWN, top=top))
    if as_json:
        print_json({"gallery": plain_json(found), "queries": plain_json(queries)})
        return
    _print(found, queries.rows)
    place = "winner" if number is None else f"trials/{number}"
    summary = service.summary(study)
    console().print(f"\nWith images: `reid-tune serve`, then /studies/{summary.name}/{place}/gallery", markup=False)


class _progress:  # noqa: N801 - reads as a function: with _progress() as tell
    """A bar on standard error while the inspection is built; nothing when `quiet` or in a pipe."""

    def __init__(self, *, quiet: bool) -> None:
        from rich.progress import Progress

        self._bar = Progress(console=console(err=True), transient=True, disable=quiet)
        self._task: int | None = None
        self._stage = ""

    def __enter__(self) -> Callable[[str, int, int], None]:
        self._bar.start()
        return self._tell

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def _tell(self, stage: str, done: int, total: int) -> None:
        from rich.progress import TaskID

        if self._task is None:
            self._task = int(self._bar.add_task(stage))
        self._bar.update(TaskID(self._task), description=stage, completed=done, total=total)


def _print(found: Gallery, hardest: Sequence[QueryRow]) -> None:
    out = console()
    shown = [f"{name} {percent(value)}" for name, value in found.metrics.items()]
    out.print(f"Epoch {found.looked.epoch}: {', '.join(shown)} %", markup=False)
    out.print(f"{found.conditions}\n", markup=False, soft_wrap=True)
    if found.cameras:
        _print_groups("camera", found.cameras, "")
    more = len(found.identities) - _SHOWN
    _print_groups("identity", found.identities[:_SHOWN], f"and {more} identities with higher mAP" if more > 0 else "")
    columns = ["hardest query", "identity", "camera", "AP, %", "first hit", "first found", "distance"]
    rows = [
        [
            row.name,
            row.identity,
            "-" if row.camera is None else str(row.camera),
            percent(row.ap),
            "-" if row.first_hit is None else str(row.first_hit),
            *_first(row),
        ]
        for row in hardest
    ]
    out.print(table(columns, rows, right=["camera", "AP, %", "first hit", "distance"]))
    if found.confusions:
        out.print(f"\nFirst found wrong: {counted(found.confused, 'pair')} of identities, the most frequent first:")
        confused = [[one.query.identity, one.found.identity, str(one.queries)] for one in found.confusions[:_SHOWN]]
        out.print(table(["identity", "taken for", "queries"], confused, right=["queries"]))
    for why in found.missing.values():
        out.print(f"\n{why}", markup=False)


def _first(row: QueryRow) -> tuple[str, str]:
    """Who stands first, and how far away."""
    first = next((one for one in row.found if one.rank == 1), None)
    return ("-", "-") if first is None else (first.identity, f"{first.distance:.3f}")


def _print_groups(kind: str, groups: Sequence[GroupRow], note: str) -> None:
    columns = [kind, "queries", "mAP, %", "rank-1, %"]
    rows = [[one.name, str(one.queries), percent(one.mean_ap), percent(one.rank1)] for one in groups]
    console().print(table(columns, rows, right=columns[1:]))
    console().print(f"{note}\n" if note else "")
