"""A trial's configuration as a file that `reid-tune train --config` reads."""

from __future__ import annotations

import yaml

from orchestrator.service.views import TrialDetail
from reid_core.config import Value, Values

__all__ = ["export_config"]


def export_config(trial: TrialDetail) -> str:
    """Every key, nested as FastReID writes it, under a comment that says where it comes from."""
    score = "" if trial.score is None else f", objective {trial.score:.4f} after {trial.epoch} epochs"
    head = f"# Study {trial.study}, trial {trial.id} ({trial.origin}{score}).\n"
    return head + yaml.safe_dump(_nested(trial.config), sort_keys=True, allow_unicode=True)


def _nested(values: Values) -> dict[str, object]:
    tree: dict[str, object] = {}
    for key, value in values.items():
        _place(tree, key.split("."), value)
    return tree


def _place(tree: dict[str, object], path: list[str], value: Value) -> None:
    node = tree
    for part in path[:-1]:
        child = node.setdefault(part, {})
        if not isinstance(child, dict):
            raise TypeError(f"{part} is both a key and a section")
        node = child
    node[path[-1]] = value
