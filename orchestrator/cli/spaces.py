"""`reid-tune space`: list, show, validate, sample and plan search spaces."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli.command import Group
from orchestrator.cli.completion import complete_space
from orchestrator.cli.output import console, counted, json_option, number, print_json, table
from orchestrator.cli.request import build_request, request_options

if TYPE_CHECKING:
    from rich.console import Console

    from reid_core.config import Values
    from search_spaces.describe import ParameterRow
    from search_spaces.load import LoadedSpace

__all__ = ["space_group"]

space_argument = click.argument("space", shell_complete=complete_space)


@click.group("space", cls=Group)
def space_group() -> None:
    """List, show, validate, sample and plan search spaces."""


@space_group.command("ls")
@json_option
def space_ls(*, as_json: bool) -> None:
    """The catalog: the spaces that ship with reid-tune.

    Examples:
      reid-tune space ls
    """
    from orchestrator.service.service import Service

    found = Service().spaces()
    if as_json:
        print_json(found)
        return
    rows = [
        [one.name, one.recipe, counted(one.rows, "row") if one.rows else str(one.parameters), one.description]
        for one in found
    ]
    columns = ["space", "recipe", "parameters", "description"]
    console().print(table(columns, rows, right=["parameters"], fold=["description"]))


@space_group.command("show")
@space_argument
@json_option
@click.option("--yaml", "as_yaml", is_flag=True, help="Print the YAML itself, to start a space of your own from.")
def space_show(space: str, *, as_json: bool, as_yaml: bool) -> None:
    """What varies in a space, and from which default.

    Examples:
      reid-tune space show bnneck
      reid-tune space show bnneck --yaml > mine.yaml
    """
    from orchestrator.service.service import Service
    from search_spaces.describe import rows, settings, tied_rows
    from search_spaces.load import load_space

    view = Service().space(space)
    if as_yaml:
        click.echo(view.yaml, nl=False)
        return
    if as_json:
        print_json(view)
        return
    out = console()
    budget = view.space.budget
    out.print(f"[bold]{view.name}[/] (recipe {view.recipe or 'none'}): {view.description}", soft_wrap=True)
    loaded = load_space(space)
    if loaded.space.rows:
        seeds = counted(view.space.search.seeds, "seed")
        out.print(f"{counted(view.rows, 'row')} x {seeds}, {counted(budget.max_epochs, 'epoch')} each\n")
        out.print(table(["row", "sets"], settings(loaded), fold=["sets"]))
        return
    out.print(f"{budget.min_epochs} to {budget.max_epochs} epochs, eta {budget.eta}, {view.space.search.algorithm}\n")
    cells = [
        [
            row.name,
            f"{row.range} ({row.scale})" if row.scale else row.range,
            row.default,
            _what(row),
        ]
        for row in [*rows(loaded), *tied_rows(loaded)]
    ]
    out.print(table(["parameter", "values", "default", "what"], cells, fold=["values", "default", "what"]))
    for constraint in view.space.constraints:
        out.print(f"\nconstraint: {constraint}", markup=False)


def _what(row: ParameterRow) -> str:
    return f"{row.help} (only when {row.condition})" if row.condition else row.help


@space_group.command("validate")
@click.argument("spaces", nargs=-1, required=True, metavar="SPACE...", shell_complete=complete_space)
@json_option
def space_validate(spaces: tuple[str, ...], *, as_json: bool) -> int:
    """Check spaces: every fault with file:line:col and what to do.

    Examples:
      reid-tune space validate mine.yaml
      reid-tune space validate spaces/*.yaml
      reid-tune space validate mine.yaml --json
    """
    from reid_core.errors import InvalidInput
    from search_spaces.load import load_space

    code = 0
    told: list[object] = []
    for ref in spaces:
        try:
            loaded = load_space(ref)
        except InvalidInput as error:
            told.append({"space": ref, "valid": False, "findings": [asdict(one) for one in error.findings]})
            code = error.exit_code
            if not as_json:
                click.echo(str(error), err=True)
        else:
            told.append({"space": ref, "valid": True, "findings": [], **_counts(loaded)})
            if not as_json:
                click.echo(_valid_line(loaded))
    if as_json:
        print_json({"spaces": told})
    return code


def _counts(loaded: LoadedSpace) -> dict[str, int]:
    found = loaded.space
    return {"parameters": len(found.parameters), "rows": len(found.rows), "tied": len(found.tied)}


def _valid_line(loaded: LoadedSpace) -> str:
    found = loaded.space
    size = counted(len(found.rows), "row") if found.rows else counted(len(found.parameters), "parameter")
    tied = f", {counted(len(found.tied), 'tied key')}" if found.tied else ""
    return f"{loaded.file}: valid, {size}{tied}"


@space_group.command("sample")
@space_argument
@click.option(
    "-n", "count", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many configurations."
)
@click.option("--seed", type=int, default=0, show_default=True, metavar="N", help="Seed of the draw.")
@json_option
def space_sample(space: str, count: int, seed: int, *, as_json: bool) -> None:
    """Random configurations, as the search would draw them.

    Examples:
      reid-tune space sample bnneck
      reid-tune space sample mine.yaml -n 100 --seed 1 --json
    """
    import numpy as np

    from reid_core.errors import UsageError
    from search_spaces.encoding import Encoder
    from search_spaces.load import load_space
    from search_spaces.sampling import draw

    loaded = load_space(space)
    if loaded.space.rows:
        raise UsageError(
            f"{loaded.space.name} has rows, which are not drawn", hint=f"see `reid-tune space show {space}`"
        )
    rng, encoder = np.random.default_rng(seed), Encoder(loaded.space, loaded.base)
    drawn = [draw(encoder, rng) for _ in range(count)]
    derived = [encoder.derived(values) for values in drawn]
    if as_json:
        tied = {"tied": derived} if loaded.space.tied else {}
        print_json({"space": loaded.space.name, "samples": drawn, **tied})
        return
    whole = [{**values, **following} for values, following in zip(drawn, derived, strict=True)]
    _print_samples(console(), [*loaded.space.parameters, *loaded.space.tied], whole)


def _print_samples(out: Console, keys: list[str], drawn: list[Values]) -> None:
    """A row a parameter and a column a sample, in as many tables as the width asks for."""
    room = out.width - max(len(key) for key in keys)
    block: dict[str, list[str]] = {}
    for index, values in enumerate(drawn, start=1):
        cells = [number(values[key]) if key in values else "-" for key in keys]
        width = sum(_width(name, column) for name, column in [*block.items(), (str(index), cells)])
        if block and width > room:
            _print_block(out, keys, block)
            block = {}
        block[str(index)] = cells
    _print_block(out, keys, block)


def _width(name: str, column: list[str]) -> int:
    return max(map(len, [name, *column])) + 3


def _print_block(out: Console, keys: list[str], block: dict[str, list[str]]) -> None:
    out.print(table(["sample", *block], zip(keys, *block.values(), strict=True), right=block))
    out.print()


@space_group.command("plan")
@click.argument("space", required=False, shell_complete=complete_space)
@click.option("--space", "option", metavar="SPACE", shell_complete=complete_space, help="The same, as `run` spells it.")
@request_options
@json_option
def space_plan(space: str | None, option: str | None, *, as_json: bool, **options: Any) -> None:
    """How `run` with the same options would lay out its trials, and what they would cost.

    Examples:
      reid-tune space plan bnneck --trials 12
      reid-tune space plan --space mine.yaml --trials 40 --max-epochs 30 --data photos/
      reid-tune space plan bnneck --epochs 500 --confirm 3
    """
    from orchestrator.cli.plan import print_plan
    from orchestrator.service.service import Service
    from reid_core.errors import UsageError

    ref = space or option
    if ref is None or (space and option and space != option):
        raise UsageError("name one SPACE", hint="for example: reid-tune space plan bnneck --trials 12")
    view = Service().plan(build_request(ref, options), measure=True)
    if as_json:
        print_json(view)
    else:
        print_plan(view)
