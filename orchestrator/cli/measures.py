"""What `reid-tune train` says of an epoch, and the tables of `evaluate`: metrics, over all and by group."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.cli.output import console, percent, table

if TYPE_CHECKING:
    from reid_core.api import EpochResult, GroupMetrics
    from search_spaces.measures import Measures

__all__ = ["epoch_line", "print_groups", "print_metrics"]


_COUNTED = {"fold": "pairs"}


def epoch_line(result: EpochResult, last: int, measures: Measures) -> str:
    """An epoch in a line: loss, learning rate, what was measured, speed."""
    metrics = result.metrics
    words = [
        f"epoch {result.epoch:>3}/{last}",
        f"loss {metrics.get('loss', float('nan')):.3f}",
        f"lr {metrics.get('lr', 0):.2e}",
    ]
    words += [f"{name} {measures.text(metrics[name], name)}" for name in measures.short(metrics)]
    if "images_per_second" in metrics:
        words.append(f"{metrics['images_per_second']:.0f} images/s")
    return "  ".join(words)


def print_metrics(metrics: Mapping[str, float], measures: Measures) -> None:
    """One row, a second without what refines the ranking, and below the rates of TEST.ROC that are no measures."""
    names = measures.told(metrics)
    columns = [measures.label(name) for name in names]
    rows = [
        [measures.text(metrics[prefix + name], name) for name in names]
        for prefix in ("", "plain_")
        if all(prefix + name in metrics for name in names)
    ]
    if len(rows) > 1:
        columns, rows = ["", *columns], [["refined", *rows[0]], ["plain", *rows[1]]]
    console().print(table(columns, rows, right=columns[-len(names) :]))
    rates = {
        name.rpartition("_")[2]: value
        for name, value in metrics.items()
        if name.startswith("tpr_at_fpr_") and name not in names
    }
    if rates:
        columns = [f"TPR, % at FPR {rate}" for rate in rates]
        console().print(table(columns, [[percent(value) for value in rates.values()]], right=columns))


def print_groups(kind: str, groups: Sequence[GroupMetrics], measures: Measures) -> None:
    """A table of groups, the lowest in their first measure first; nothing where there are none."""
    reported = {name for group in groups for name in group.metrics}
    names = measures.told(reported) or sorted(reported)
    if not names:
        return
    first, sign = names[0], -1 if measures.measure(names[0]).lower_is_better else 1
    hardest = sorted(groups, key=lambda group: sign * group.metrics.get(first, math.inf))
    rows = [
        [group.name, f"{group.size:,}", *(measures.text(group.metrics.get(name), name) for name in names)]
        for group in hardest
    ]
    counted = "queries" if "mAP" in names else _COUNTED.get(kind, "images")
    columns = [kind, counted, *map(measures.label, names)]
    console().print(table(columns, rows, right=columns[1:]))
