"""Prints a plan: what is searched, on which data, how trials climb the rungs, what it costs."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.cli.output import console, counted, duration, table
from orchestrator.cli.teachers import teacher_text

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
    out.print(
        f"\n[bold]Plan[/]    {counted(plan.trials, 'trial')}, {_epochs(plan)}; "
        f"{view.workers} at a time on {view.device}: {_cost(view)}",
        soft_wrap=True,
    )
    for label, text in _besides(view):
        out.print(f"[bold]{label:<7}[/] {escape(text)}", soft_wrap=True)
    out.print()


def _cost(view: PlanView) -> str:
    if view.seconds is None:
        return "time unknown until the first epochs"
    hours = "" if view.gpu_hours is None else f", {view.gpu_hours:.2g} GPU-hours"
    return f"about {duration(view.seconds)}{hours}"


def _besides(view: PlanView) -> list[tuple[str, str]]:
    """What the study is given besides its plan, by label."""
    told: list[tuple[str, str]] = []
    if view.tied:
        told.append(("Tied", "; ".join(f"{key} is {how}" for key, how in view.tied.items())))
    if view.confirm:
        seeds = counted(view.confirm, "new seed")
        told.append(
            (
                "Confirm",
                f"{_finalists(view, seeds)}: at most {view.confirm_epochs} epochs more, counted in the time above",
            )
        )
    if view.enqueued:
        told.append(("First", f"{counted(view.enqueued, 'enqueued configuration')}, right after the default"))
    told += [("Teacher", teacher_text(one, view.task)) for one in view.teachers]
    for one in view.warm_start:
        how = "comparable" if one.same_data else "by their order only"
        told.append(("Warm", f"{counted(one.results, 'result')} of study {one.study}, {how}"))
    if view.limits:
        told.append(("Limits", "; ".join(limit.text for limit in view.limits) + ": whatever comes first ends it"))
    return told


def _finalists(view: PlanView, seeds: str) -> str:
    """How many configurations there can be to confirm: no more than are tried."""
    count = view.confirm_epochs // (view.confirm * view.plan.max_epochs)
    return f"the only finalist gets {seeds}" if count == 1 else f"the best {count} get {seeds} each"


def _search(view: PlanView) -> str:
    goals = ", ".join(f"{objective.goal.value} {objective.metric}" for objective in view.objective)
    seeds = f" x {counted(view.seeds, 'seed')}"
    if view.rows:
        split = "the test split, once at the end" if view.protocol.value == "test" else "the validation split"
        return f"{view.algorithm}: {counted(len(view.rows), 'row')}{seeds}, each in full, measured on {split}"
    if view.algorithm == "grid":
        combinations = counted(view.plan.trials // view.seeds, "combination")
        return f"grid over {view.parameters} parameters to {goals}: {combinations}{seeds}, each in full"
    schedule = f" on the schedule {view.schedule}" if view.schedule else ""
    return f"{view.algorithm}{schedule} over {view.parameters} parameters to {goals}"


def _print_rows(view: PlanView) -> None:
    each = view.seeds * view.plan.max_epochs
    columns = ["row", "seeds", "epochs"]
    rows = [[name, str(view.seeds), str(each)] for name in view.rows]
    console().print(table(columns, rows, right=columns[1:]))


def _print_brackets(plan: Plan) -> None:
    """A line for each form of bracket, with the number of the first of that form and how many there are."""
    counts = Counter(plan.brackets)
    epochs = "epochs" if len(counts) == len(plan.brackets) else "epochs each"
    columns = ["bracket", *(f"epoch {rung}" for rung in plan.rungs), epochs]
    rows = [
        [
            f"{plan.brackets.index(bracket) + 1}{f' (x {count})' if count > 1 else ''}",
            *(_size(bracket.rungs, bracket.sizes, rung) for rung in plan.rungs),
            str(bracket.epochs),
        ]
        for bracket, count in counts.items()
    ]
    console().print(table(columns, rows, right=columns[1:]))


def _epochs(plan: Plan) -> str:
    if plan.epochs == plan.full_epochs:
        return counted(plan.epochs, "epoch")
    return f"{plan.epochs} epochs instead of {plan.full_epochs} ({100 * plan.epochs / plan.full_epochs:.0f} %)"


def _size(rungs: tuple[int, ...], sizes: tuple[int, ...], rung: int) -> str:
    return counted(sizes[rungs.index(rung)], "trial") if rung in rungs else ""
