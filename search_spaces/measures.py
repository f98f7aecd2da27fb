"""What trials report, by name: the measures of a task with the loss and the costs; their titles, units and direction.

A space keeps the measures of its task, so that a study is read the same when the task's package is gone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from pydantic import Field

from reid_core.tasks.card import Measure, TaskCard
from reid_core.tasks.cards import card_of, cards
from search_spaces.parameters import Frozen

__all__ = ["COSTS", "LOSS", "Measures", "any_measures", "measures_of"]

LOSS = "loss"
_COSTS = {
    "latency_ms": Measure("latency, ms", fraction=False, lower_is_better=True),
    "parameters": Measure("parameters", fraction=False, lower_is_better=True),
    "flops": Measure("multiply-adds", fraction=False, lower_is_better=True),
}
COSTS = tuple(_COSTS)
"""What a model costs: milliseconds an image on the trial's device, weights, multiply-adds an image. Less is better."""
_ALWAYS = {LOSS: Measure("loss", fraction=False, lower_is_better=True), **_COSTS}
_RATES = "tpr_at_fpr_"


class Measures(Frozen):
    """The measures of a task, and how each is read. Every trial reports the loss and may report costs besides."""

    task: str = Field(description="as TASK.NAME names it")
    own: dict[str, Measure] = Field(description="by the names that the task reports, the most telling first")
    best: str = Field(description="the objective of a space that names none")
    shown: tuple[str, ...] = Field(description="those in short tables")

    @classmethod
    def of_card(cls, card: TaskCard) -> Self:
        """What a task's card says."""
        return cls(task=card.name, own=dict(card.measures), best=card.best, shown=card.shown or (card.best,))

    @property
    def names(self) -> tuple[str, ...]:
        """Everything that an objective may name."""
        return tuple(dict.fromkeys((*self.own, *_ALWAYS)))

    @property
    def fractions(self) -> frozenset[str]:
        """Those of `names` that lie in [0, 1]."""
        return frozenset(name for name in self.names if self.measure(name).fraction)

    @property
    def unbounded(self) -> frozenset[str]:
        """Those of `names` that are no fractions."""
        return frozenset(self.names) - self.fractions

    @property
    def lower(self) -> frozenset[str]:
        """Those of `names` that are better the lower they are."""
        return frozenset(name for name in self.names if self.measure(name).lower_is_better)

    def measure(self, name: str) -> Measure:
        """The measure of a reported name; one that nothing is known of is told as it is.

        `OTHER/mAP` (on another data set) and `plain_mAP` (without refinement) are read as `mAP` is.
        """
        if name in _ALWAYS:
            return _ALWAYS[name]
        if name in self.own:
            return self.own[name]
        place, _, rest = name.rpartition("/")
        plain = rest.removeprefix("plain_")
        if plain in self.own:
            known, words = self.own[plain], [place, "plain" if plain != rest else ""]
            title = " ".join([*filter(None, words), known.title])
            return Measure(title, fraction=known.fraction, lower_is_better=known.lower_is_better)
        return Measure(name, fraction=rest.startswith(_RATES))

    def is_fraction(self, name: str) -> bool:
        """Whether a metric lies in [0, 1] and is shown in percent."""
        return self.measure(name).fraction

    def title(self, name: str) -> str:
        """The metric's name in tables, without its unit: `rank-1`."""
        return self.measure(name).title

    def label(self, name: str) -> str:
        """The metric's name with the unit that `text` shows it in: `rank-1, %`."""
        measure = self.measure(name)
        return f"{measure.title}, %" if measure.fraction else measure.title

    def text(self, value: float | None, name: str) -> str:
        """A value in its unit: fractions in percent, milliseconds with two decimals, `2.23 M` weights; `-` for None."""
        if value is None:
            return "-"
        if self.is_fraction(name):
            return f"{100 * value:.1f}"
        match name:
            case "parameters" | "flops":
                return f"{value / 1e6:.2f} M"
            case "latency_ms":
                return f"{value:.2f}"
            case "loss":
                return f"{value:.3f}"
        return f"{value:.4g}"

    def percent(self, value: float | None, name: str) -> str:
        """`text` with the sign where it is in percent: `93.1 %`."""
        sign = " %" if value is not None and self.is_fraction(name) else ""
        return f"{self.text(value, name)}{sign}"

    def short(self, reported: Iterable[str]) -> list[str]:
        """Those of `shown` among the reported, in their order."""
        there = set(reported)
        return [name for name in self.shown if name in there]

    def columns(self, trials: Iterable[Iterable[str]]) -> list[str]:
        """Those of `shown` that one of `trials` reports, a rate of too few pairs left out; all before the first."""
        there = {name for reported in trials for name in reported}
        return self.short(there) or list(self.shown)

    def told(self, reported: Iterable[str]) -> list[str]:
        """The task's own measures among the reported, in their order."""
        there = set(reported)
        return [name for name in self.own if name in there]


def measures_of(task: str = "reid") -> Measures:
    """The measures of the task that TASK.NAME names. Raises KeyError."""
    return Measures.of_card(card_of(task))


def any_measures() -> Measures:
    """The measures of every task, for what is read before its task is known; the shipped ones win."""
    known: dict[str, Measure] = {}
    for card in cards().values():
        known |= {name: measure for name, measure in card.measures.items() if name not in known}
    first = measures_of()
    return Measures(task="", own=known, best=first.best, shown=first.shown)
