"""What `reid-tune train` says of an epoch, and the tables of `evaluate`: metrics, queries by camera or identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from orchestrator.cli.output import console, percent, table

if TYPE_CHECKING:
    from reid_core.api import EpochResult, GroupMetrics

__all__ = ["epoch_line", "print_groups", "print_metrics"]


def epoch_line(result: EpochResult, last: int) -> str:
    """An epoch in a line: loss, learning rate, what was measured, speed."""
    metrics = result.metrics
    words = [
        f"epoch {result.epoch:>3}/{last}",
        f"loss {metrics.get('loss', float('nan')):.3f}",
        f"lr {metrics.get('lr', 0):.2e}",
    ]
    words += [f"{name} {percent(metrics[name])}" for name in ("mAP", "mINP", "rank1") if name in metrics]
    if "images_per_second" in metrics:
        words.append(f"{metrics['images_per_second']:.0f} images/s")
    return "  ".join(words)


def print_metrics(metrics: Mapping[str, float]) -> None:
    """One row, a second without what refines the ranking, and the rates of TEST.ROC below."""
    names = [name for name in ("mAP", "mINP", "rank1", "rank5", "rank10") if name in metrics]
    columns = [f"{name.replace('rank', 'rank-')}, %" for name in names]
    rows = [
        [percent(metrics[prefix + name]) for name in names]
        for prefix in ("", "plain_")
        if all(prefix + name in metrics for name in names)
    ]
    if len(rows) > 1:
        columns, rows = ["", *columns], [["refined", *rows[0]], ["plain", *rows[1]]]
    console().print(table(columns, rows, right=columns[-len(names) :]))
    rates = {name.rpartition("_")[2]: value for name, value in metrics.items() if name.startswith("tpr_at_fpr_")}
    if rates:
        columns = [f"TPR, % at FPR {rate}" for rate in rates]
        console().print(table(columns, [[percent(value) for value in rates.values()]], right=columns))


def print_groups(kind: str, groups: Sequence[GroupMetrics]) -> None:
    """A table of groups, the lowest mAP first; nothing where there are none."""
    if not groups:
        return
    hardest = sorted(groups, key=lambda group: group.metrics["mAP"])
    rows = [
        [group.name, f"{group.size:,}", percent(group.metrics["mAP"]), percent(group.metrics["rank1"])]
        for group in hardest
    ]
    columns = [kind, "queries", "mAP, %", "rank-1, %"]
    console().print(table(columns, rows, right=columns[1:]))
