"""What a configuration asks is done, or refused: names of domains, scales, the labelling before an epoch."""

import few_convolutions  # noqa: F401 - the backbone of these configurations
import pytest
from small_labels import ATTRIBUTES, CLASSES

from orchestrator.cli.measures import print_groups, print_metrics
from reid_core import api
from reid_core.api import GroupMetrics
from reid_core.config import from_values, load_config
from reid_core.engine.profile import profile
from reid_core.errors import DataError
from reid_core.tasks.adaptation.task import AdaptationTask
from search_spaces.measures import measures_of

FACE = {"TASK.NAME": "face", "DATASETS.SYNTHETIC.IDENTITIES": 10, "DATASETS.SYNTHETIC.IMAGES": 2}


@pytest.mark.parametrize("values", [CLASSES, ATTRIBUTES, FACE], ids=lambda values: values["TASK.NAME"])
def test_a_domain_of_the_built_in_data_is_refused_where_there_is_none(values):
    domain = {"DATASETS.NAMES": ["synthetic-a"], "DATASETS.TESTS": ["synthetic-a"]}
    with pytest.raises(DataError, match="has no domains of the built-in data"):
        api.describe_data(from_values({"DATASETS.ROOT": "synthetic"} | values | domain))


@pytest.mark.slow
def test_a_profile_counts_the_labelling_before_an_epoch(monkeypatch, tmp_path):
    seen = []
    relabel = AdaptationTask.relabel

    def noted(task, model, data, config, compute, *, seed, epoch):
        seen.append(epoch)
        return relabel(task, model, data, config, compute, seed=seed, epoch=epoch)

    monkeypatch.setattr(AdaptationTask, "relabel", noted)
    monkeypatch.setattr("reid_core.engine.profile.SECONDS", 0.0)
    small = {
        "DATASETS.ROOT": "synthetic",
        "DATALOADER.CACHE_DIR": str(tmp_path),
        "DATASETS.SYNTHETIC.IDENTITIES": 8,
        "DATASETS.SYNTHETIC.IMAGES": 2,
        "MODEL.DEVICE": "cpu",
        "MODEL.BACKBONE.NAME": "few_convolutions:build",
        "INPUT.SIZE_TRAIN": [64, 32],
        "INPUT.SIZE_TEST": [64, 32],
        "DATALOADER.NUM_INSTANCE": 4,
        "SOLVER.IMS_PER_BATCH": 16,
        "TASK.ADAPTATION.ITERATIONS": 3,
    }
    assert profile(load_config("adaptation", small).config, 1).seconds_per_epoch > 0
    assert seen == [1]


def test_rates_that_are_measures_of_the_task_are_printed_once(capsys):
    metrics = {"accuracy": 0.9, "accuracy_std": 0.01, "auc": 0.95, "tpr_at_fpr_1e-2": 0.5}
    print_metrics(metrics, measures_of("face"))
    assert capsys.readouterr().out.count("50.0") == 1
    print_metrics({"mAP": 0.5, "tpr_at_fpr_1e-2": 0.25}, measures_of("reid"))
    assert "TPR, % at FPR 1e-2" in capsys.readouterr().out


def test_folds_are_counted_in_pairs(capsys):
    print_groups("fold", [GroupMetrics("1", 80, {"accuracy": 0.75})], measures_of("face"))
    print_groups("class", [GroupMetrics("a", 3, {"top1": 0.75})], measures_of("classification"))
    first, second = capsys.readouterr().out.split("class", 1)
    assert "pairs" in first
    assert "images" in second
