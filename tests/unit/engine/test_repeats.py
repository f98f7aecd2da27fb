"""Metrics over galleries drawn at random: the mean of what each draw gives, as VehicleID's protocol has it."""

from __future__ import annotations

import numpy as np
import pytest
from validation_run import train

from reid_core import api
from reid_core.config import load_config
from reid_core.data.pipeline import open_evaluations
from reid_core.engine.compute import Compute
from reid_core.engine.inference import load_model
from reid_core.engine.measuring import embedded_images
from reid_core.engine.repeats import draw, measure_repeats
from reid_core.errors import ConfigError
from reid_core.evaluation import Labels, rank, retrieval_metrics

PIDS = np.array([4, 0, 4, 2, 0, 4, 2, 9])


def test_a_draw_has_one_image_of_every_identity():
    for number in range(5):
        assert sorted(PIDS[draw(PIDS, number)].tolist()) == [0, 2, 4, 9]


def test_draws_differ_and_are_always_the_same():
    drawn = [draw(PIDS, number).tolist() for number in range(20)]
    assert drawn == [draw(PIDS, number).tolist() for number in range(20)]
    assert len({tuple(one) for one in drawn}) > 5
    assert {image for one in drawn for image in one} == set(range(8))


@pytest.mark.slow
def test_the_metrics_are_the_mean_over_the_draws_with_their_deviation(tiny, tmp_path):
    config = tiny(TEST__REPEATS=3)
    results, end = train(config, tmp_path, to_epoch=1, protocol=api.Protocol.TEST)
    compute = Compute.of(config)
    model, _ = load_model(config, end.checkpoint.path, compute)
    (data,) = open_evaluations(config, api.Protocol.TEST)
    rows = embedded_images(model, data.gallery, config, compute, epoch=1)
    pids, camids = data.gallery.labels, data.gallery.camids
    values = []
    for number in range(3):
        gallery = draw(pids, number)
        query = np.array([place for place in range(len(pids)) if place not in gallery])
        labels = Labels(pids[query], pids[gallery], camids[query], camids[gallery])
        values.append(retrieval_metrics(rank(rows[query], rows[gallery], labels))["mAP"])
    measured = measure_repeats(model, data, config, compute, epoch=1)
    assert measured.metrics["mAP"] == pytest.approx(np.mean(values), abs=1e-12)
    assert measured.metrics["std_mAP"] == pytest.approx(np.std(values), abs=1e-12)
    assert measured.counts["gallery"] == 4
    assert measured.counts["queries"] + measured.counts["skipped_queries"] == len(pids) - 4
    assert results[0].metrics["mAP"] == pytest.approx(measured.metrics["mAP"], abs=1e-3)


@pytest.mark.slow
def test_a_report_says_how_many_galleries_were_drawn(tiny, tmp_path):
    config = tiny(TEST__REPEATS=2)
    _, end = train(config, tmp_path, to_epoch=1)
    report = api.evaluate(config, end.checkpoint.path, threads=1)
    assert "mean over 2 galleries of one image an identity" in report.protocol
    assert f"rank-1 {100 * report.metrics['std_rank1']:.1f} points" in report.protocol


def test_parts_are_not_compared_over_draws():
    with pytest.raises(ConfigError) as caught:
        load_config("partial", {"TEST.REPEATS": 10})
    assert [finding.key for finding in caught.value.findings] == ["TEST.REPEATS"]
