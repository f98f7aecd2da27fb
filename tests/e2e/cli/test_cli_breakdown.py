"""`evaluate` with refined rankings and with a breakdown: the tables and the JSON say the same."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def command(cli, finished, tmp_path):
    file = tmp_path / "tiny.yaml"
    assert cli("export-config", "tiny", "--trial", 1, "--out", file).code == 0
    trained = cli("train", "--config", file, "--out", tmp_path / "out", "--threads", 1, "--json")
    assert trained.code == 0, trained.err
    return ["evaluate", "--config", file, "--checkpoint", json.loads(trained.out)["checkpoint"], "--threads", 1]


def test_evaluate_shows_refined_and_plain_metrics_rates_and_the_breakdown(cli, command):
    keys = ["TEST.RERANK.ENABLED", "true", "TEST.AQE.ENABLED", "true", "TEST.ROC.ENABLED", "true"]
    settings = [word for key, value in zip(keys[::2], keys[1::2], strict=True) for word in ("--set", key, value)]
    printed = cli(*command, *settings, "--json")
    assert printed.code == 0, printed.err
    report = json.loads(printed.out)
    assert {"mAP", "plain_mAP", "tpr_at_fpr_1e-4"} <= set(report["metrics"])
    assert "re-ranking (k1 20, k2 6, lambda 0.3)" in report["protocol"]
    for kind in ("camera", "identity"):
        assert sum(group["size"] for group in report["groups"][kind]) == report["counts"]["queries"]

    shown = cli(*command, *settings, "--breakdown").out
    for name in ("mAP", "plain_mAP"):
        assert f"{100 * report['metrics'][name]:.1f}" in shown
    for word in ("refined", "plain", "TPR, % at FPR 1e-4", "camera", "identity", report["protocol"]):
        assert word in shown


def test_evaluate_without_a_breakdown_prints_one_row(cli, command):
    shown = cli(*command).out
    assert "plain" not in shown
    assert "camera  " not in shown
