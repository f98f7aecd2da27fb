"""What a running study shows: a live table in a terminal, plain lines in a pipe, or events as JSON lines."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Self

import click

from orchestrator.cli.output import duration, origin_of, plain_json, plus_minus, table

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import RenderableType

    from orchestrator.events import Logged, StudyState
    from search_spaces.measures import Measures

__all__ = ["EventLines", "LiveTable", "PlainLines", "Screen", "trials_table"]

BEFORE, AFTER = ("trial", "origin", "rung", "epoch"), ("state", "time left")
"""The columns of the table around those of the metrics."""


class Screen:
    """What shows a running study."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def see(self, logged: Logged, state: StudyState) -> None:
        """One more event is durable."""
        raise NotImplementedError


class EventLines(Screen):
    """Newline-delimited JSON, flushed line by line."""

    def see(self, logged: Logged, state: StudyState) -> None:
        """Print the event."""
        del state
        click.echo(json.dumps({"seq": logged.seq, "at": logged.at, **plain_json(logged.event)}))


class PlainLines(Screen):
    """One line for each thing a reader of a log file wants to know."""

    def see(self, logged: Logged, state: StudyState) -> None:
        """Print the event's sentence."""
        from orchestrator.service.narrate import narrate
        from orchestrator.service.progress import planned_epochs

        told = narrate(logged, _measures(state))
        if told.kind in {"study_created", "checkpoint_saved"}:
            return
        planned = str(planned_epochs(state)) if state.created is not None else "?"
        done = f"{state.epochs_spent:>{len(planned)}}/{planned} epochs"
        who = "study    " if told.trial is None else f"trial {told.trial:<3}"
        click.echo(f"{time.strftime('%H:%M:%S', time.localtime(told.at))}  {done}  {who}  {told.text}")


class LiveTable(Screen):
    """The trials table, redrawn four times a second."""

    def __init__(self) -> None:
        from rich.live import Live

        self._state: StudyState | None = None
        self._live = Live(get_renderable=self._render, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()
        if self._state is not None:
            self._live.console.print(trials_table(self._state))

    def see(self, logged: Logged, state: StudyState) -> None:
        """Keep the state for the next redraw."""
        del logged
        self._state = state

    def _render(self) -> RenderableType:
        from rich.console import Group
        from rich.text import Text

        state = self._state
        if state is None or state.created is None:
            return Text("starting workers ...")
        from orchestrator.service import progress
        from orchestrator.service.limits import limit_views

        left = progress.seconds_left(state)
        done, planned = state.epochs_spent, progress.planned_epochs(state)
        best = progress.best(state)
        lead = ""
        if best is not None:
            spread = plus_minus(best, progress.objective_of(state).metric, _measures(state))
            lead = f"   best {_named(best.metrics, state)}{spread} (trial {best.trial}, epoch {best.epoch})"
        limits = "".join(f"   {limit.text}" for limit in limit_views(state.created.limits, state))
        rest = "" if left is None else f", {duration(left)} left"
        foot = f"{state.created.name}: {done} of {planned} epochs{rest}{lead}{limits}"
        return Group(trials_table(state), Text(foot, style="bold"))


def _named(metrics: dict[str, float], state: StudyState) -> str:
    from orchestrator.service import progress

    metric = progress.objective_of(state).metric
    return f"{metric} {_measures(state).text(metrics.get(metric), metric)}"


def _measures(state: StudyState) -> Measures:
    from search_spaces.measures import measures_of

    return measures_of() if state.created is None else state.created.space.measures


def trials_table(state: StudyState, *, alive: bool = True) -> RenderableType:
    """Every trial as it stands, `alive`: with a live controller; the incumbent in bold."""
    from rich.text import Text

    from orchestrator.service import progress
    from orchestrator.service.views_of import standing

    best, pace = progress.best(state), progress.seconds_per_epoch(state)
    measures = _measures(state)
    names = measures.columns(trial.metrics for trial in state.trials.values())
    columns, words = [*BEFORE, *map(measures.title, names), *AFTER], ("origin", "state")
    made = table(columns, (), right=[column for column in columns if column not in words], fold=words)
    for number, trial in sorted(state.trials.items()):
        shown, status = trial.metrics, standing(trial, alive=alive).value
        style = "bold" if best is not None and best.trial == number else _STYLES.get(status, "")
        made.add_row(
            str(number),
            Text(origin_of(trial)),
            str(trial.to_epoch),
            str(trial.epoch),
            *(measures.text(shown.get(name), name) for name in names),
            _state_text(status, trial.failures[-1][0].value if trial.failures else ""),
            duration(progress.trial_seconds_left(trial, pace) if alive else None),
            style=style,
        )
    return made


_STYLES = {"running": "cyan", "failed": "red", "resting": "dim"}


def _state_text(status: str, failure: str) -> str:
    return f"failed ({failure})" if status == "failed" and failure else status
