"""Prints a plan: what is searched, on which data, how trials climb the rungs, what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.output import console, counted, duration, table

if TYPE_CHECKING:
    from orchestrator.events import Plan
    from orchestrator.service.views import PlanView

__all__ = ["print_plan"]


def print_plan(view: PlanView) -> None:
    """Brackets, rungs, epochs and the estimated time."""
    from rich.markup import escape

    out, plan = console(), view.plan
    out.print(f"[bold]Search[/]  {escape(_search(view))}")
    out.print(f"[bold]Data[/]    {escape(view.data)}", soft_wrap=True)
    for warning in view.warnings:
        out.print(f"[yellow]Note[/]    {escape(warning)}", soft_wrap=True)
    out.print()
    if view.rows:
        _print_rows(view)
    else:
        _print_brackets(plan)
    about = "time unknown until the first epochs" if view.seconds is None else f"about {duration(view.seconds)}"
    out.print(
        f"\n[bold]Plan[/]    {counted(plan.trials, 'trial')}, {_epochs(plan)}; "
        f"{view.workers} at a time on {view.device}: {about}\n",
        soft_wrap=True,
    )


def _search(view: PlanView) -> str:
    goals = ", ".join(f"{objective.goal.value} {objective.metric}" for objective in view.objective)
    seeds = f" x {counted(view.seeds, 'seed')}"
    if view.rows:
        split = "the test split, once at the end" if view.protocol.value == "test" else "the validation split"
        return f"{view.algorithm}: {counted(len(view.rows), 'row')}{seeds}, each in full, measured on {split}"
    if view.algorithm == "grid":
        combinations = counted(view.plan.trials // view.seeds, "combination")
        return f"grid over {view.parameters} parameters to {goals}: {combinations}{seeds}, each in full"
    return f"{view.algorithm} over {view.parameters} parameters to {goals}"


def _print_rows(view: PlanView) -> None:
    each = view.seeds * view.plan.max_epochs
    columns = ["row", "seeds", "epochs"]
    rows = [[name, str(view.seeds), str(each)] for name in view.rows]
    console().print(table(columns, rows, right=columns[1:]))


def _print_brackets(plan: Plan) -> None:
    columns = ["bracket", *(f"epoch {rung}" for rung in plan.rungs), "epochs"]
    rows = [
        [
            str(number),
            *(_size(bracket.rungs, bracket.sizes, rung) for rung in plan.rungs),
            str(bracket.epochs),
        ]
        for number, bracket in enumerate(plan.brackets, start=1)
    ]
    console().print(table(columns, rows, right=columns[1:]))


def _epochs(plan: Plan) -> str:
    if plan.epochs == plan.full_epochs:
        return counted(plan.epochs, "epoch")
    return f"{plan.epochs} epochs instead of {plan.full_epochs} ({100 * plan.epochs / plan.full_epochs:.0f} %)"


def _size(rungs: tuple[int, ...], sizes: tuple[int, ...], rung: int) -> str:
    return counted(sizes[rungs.index(rung)], "trial") if rung in rungs else ""
