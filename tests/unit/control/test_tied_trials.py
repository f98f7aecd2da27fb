"""Tied keys on their way: trials train with them, and a trial's page and exported file show them."""

from __future__ import annotations

import math

import yaml
from trials.studies import controller, created

from orchestrator.service.export import export_config
from orchestrator.service.views_of import trial_detail
from orchestrator.store import MemoryStore
from search_spaces.model import Float, Space, Tied


def test_trials_train_with_what_is_tied_and_show_it(tmp_path):
    space = Space(
        name="ties",
        parameters={"half": Float(low=1e-5, high=1e-2, log=True)},
        tied={"lr": Tied(to="half", factor=2.0), "note": Tied(expression="'high' if lr > 1e-3 else 'low'")},
    )
    first = created(trials=3, max_epochs=1).model_copy(update={"space": space, "base": {"half": 1e-4, "lr": 1.0}})
    store = MemoryStore()
    store.create_study(first, 0.0)
    state = controller(store, first.study, tmp_path).run()
    assert len(state.trials) == 3
    for trial in state.trials.values():
        assert set(trial.values) == {"half"}, "the log holds what was chosen, not what follows from it"
        lr = 2 * trial.values["half"]
        quality = (1 - math.exp(-0.1)) / (1 + (math.log10(lr) + 3) ** 2)
        assert math.isclose(trial.history[1]["mAP"], quality + 1e-6, rel_tol=1e-6)
        detail = trial_detail(state, trial, [], "")
        note = "high" if lr > 1e-3 else "low"
        assert {change.key: change.value for change in detail.diff if change.key != "half"} == {
            "lr": float(f"{lr:.12g}"),
            "note": note,
        }
        assert yaml.safe_load(export_config(detail))["note"] == note
