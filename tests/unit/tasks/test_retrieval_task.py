"""What instance retrieval reports, that it learns, and that a resumed training is the same bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from reid_core import api
from reid_core.config import load_config
from reid_core.engine.checkpoint import load
from reid_core.evaluation import Labels, rank
from reid_core.tasks.cards import card_of
from reid_core.tasks.retrieval.metrics import retrieval_measures

SMALL = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.NAME": "few_convolutions:build",
    "MODEL.HEADS.EMBEDDING_DIM": 0,
    "INPUT.SIZE_TRAIN": [64, 32],
    "INPUT.SIZE_TEST": [64, 32],
    "INPUT.CROP.ENABLED": False,
    "DATASETS.SYNTHETIC.IDENTITIES": 32,
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 6,
    "DATASETS.SYNTHETIC.DIFFICULTY": 0.5,
    "SOLVER.BASE_LR": 3e-3,
    "SOLVER.IMS_PER_BATCH": 32,
    "SOLVER.WARMUP_EPOCHS": 0.5,
    "SOLVER.MAX_EPOCH": 6,
    "TEST.EVAL_PERIOD": 0,
}
FEW = {"DATASETS.SYNTHETIC.IDENTITIES": 8, "DATASETS.SYNTHETIC.IMAGES": 2}


CACHE = [""]
"""The folder of decoded images, one for all tests here."""


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    CACHE[0] = str(tmp_path_factory.mktemp("cache"))


def run(folder, epochs, checkpoint=None, **changed):
    values = SMALL | {"DATALOADER.CACHE_DIR": CACHE[0]} | changed
    return api.train(
        load_config("retrieval", values).config,
        directory=folder,
        protocol=api.Protocol.VALIDATION,
        to_epoch=epochs,
        checkpoint=checkpoint,
        threads=1,
    )


def test_recall_is_the_share_of_queries_with_a_match_among_the_first():
    rng = np.random.default_rng(0)
    rows, pids = rng.normal(size=(30, 4)).astype(np.float32), rng.integers(0, 8, 30)
    found = retrieval_measures(rank(rows, rows, Labels(pids, pids, own_index=np.arange(30))), (1, 4, 10, 100))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    hits = []
    for query in range(30):
        order = [place for place in np.argsort(-(unit @ unit[query])) if place != query]
        right = pids[order] == pids[query]
        if right.any():
            hits.append(np.flatnonzero(right)[0] + 1)
    for k in (1, 4, 10):
        assert found[f"recall{k}"] == pytest.approx(np.mean(np.array(hits) <= k))
    assert "recall100" not in found  # of 30


@pytest.mark.slow
def test_the_built_in_data_is_learned(tmp_path):
    """Six epochs lift MAP@R of classes that it has not seen well above that of the untrained network."""
    still = run(tmp_path / "still", 1, **{"SOLVER.BASE_LR": 1e-6}).metrics
    learned = run(tmp_path / "learned", 6).metrics
    assert learned["map_at_r"] > still["map_at_r"] + 0.1
    assert learned["recall1"] > still["recall1"]
    assert set(learned) & set(card_of("retrieval").measures) == {
        "recall1", "recall2", "recall4", "recall8", "recall10", "map_at_r", "r_precision"
    }  # fmt: skip


@pytest.mark.slow
def test_a_resumed_training_is_the_same(tmp_path):
    straight = run(tmp_path, 2, **FEW)
    half = run(tmp_path / "parts", 1, **FEW)
    resumed = run(tmp_path / "parts", 2, half.checkpoint, **FEW)
    left, right = load(straight.checkpoint.path).model, load(resumed.checkpoint.path).model
    assert all(torch.equal(value, right[key]) for key, value in left.items())
    assert resumed.metrics["map_at_r"] == straight.metrics["map_at_r"]


@pytest.mark.slow
def test_a_checkpoint_is_measured_by_class(tmp_path):
    end = run(tmp_path, 1, **FEW)
    values = SMALL | FEW | {"DATALOADER.CACHE_DIR": CACHE[0], "TEST.RERANK.ENABLED": True}
    report = api.evaluate(load_config("retrieval", values).config, end.checkpoint.path, threads=1)
    assert report.counts == {"queries": 48, "gallery": 48, "skipped_queries": 0}
    assert len(report.groups["class"]) == 6
    assert np.mean([group.metrics["recall1"] for group in report.groups["class"]]) == pytest.approx(
        report.metrics["recall1"]
    )
    assert {"plain_recall1", "plain_map_at_r"} <= set(report.metrics)
