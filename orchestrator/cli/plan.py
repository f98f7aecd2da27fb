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
    goals = ", ".join(f"{objective.goal.value} {objective.metric}" for objective in view.objective)
    out.print(f"[bold]Search[/]  {view.algorithm} over {view.parameters} parameters to {goals}")
    out.print(f"[bold]Data[/]    {escape(view.data)}", soft_wrap=True)
    for warning in view.warnings:
        out.print(f"[yellow]Note[/]    {escape(warning)}", soft_wrap=True)
    out.print()
    columns = ["bracket", *(f"epoch {rung}" for rung in plan.rungs), "epochs"]
    rows = [
        [
            str(number),
            *(_size(bracket.rungs, bracket.sizes, rung) for rung in plan.rungs),
            str(bracket.epochs),
        ]
        for number, bracket in enumerate(plan.brackets, start=1)
    ]
    out.print(table(columns, rows, right=columns[1:]))
    about = "time unknown until the first epochs" if view.seconds is None else f"about {duration(view.seconds)}"
    out.print(
        f"\n[bold]Plan[/]    {counted(plan.trials, 'trial')}, {_epochs(plan)}; "
        f"{view.workers} at a time on {view.device}: {about}\n",
        soft_wrap=True,
    )


def _epochs(plan: Plan) -> str:
    if plan.epochs == plan.full_epochs:
        return counted(plan.epochs, "epoch")
    return f"{plan.epochs} epochs instead of {plan.full_epochs} ({100 * plan.epochs / plan.full_epochs:.0f} %)"


def _size(rungs: tuple[int, ...], sizes: tuple[int, ...], rung: int) -> str:
    return counted(sizes[rungs.index(rung)], "trial") if rung in rungs else ""
