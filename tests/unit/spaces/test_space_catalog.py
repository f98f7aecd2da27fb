"""Every space that ships: sound, described, and each configuration drawn from it is one that can be trained."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reid_core.config import from_values, load_config
from reid_core.errors import NotFound
from search_spaces import catalog
from search_spaces.encoding import Encoder, complete
from search_spaces.load import load_space
from search_spaces.rows import row_values
from search_spaces.sampling import draw

ROOT = Path(__file__).resolve().parents[3]


def test_catalog_has_the_promised_spaces():
    assert {"augmentation", "bnneck", "optimizer"} <= set(catalog.names())
    assert catalog.read("bnneck") == catalog.read("bnneck.yaml")


def test_unknown_name_lists_the_catalog():
    with pytest.raises(NotFound, match=r"did you mean optimizer\?(.|\n)*bnneck"):
        catalog.read("optimiser")


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.names())
def test_every_sampled_configuration_is_valid(name):
    loaded = load_space(name)
    assert loaded.space.name == name
    assert loaded.space.description
    assert loaded.space.recipe
    cube, rng = Encoder(loaded.space, loaded.base), np.random.default_rng(0)
    for _ in range(200):
        from_values(complete(loaded.base, draw(cube, rng), loaded.space.tied))


@pytest.mark.slow
@pytest.mark.parametrize("name", catalog.names())
def test_first_configuration_is_whole(name):
    loaded = load_space(name)
    assert list(loaded.defaults) == list(loaded.space.parameters)
    assert not loaded.notes


def test_bnneck_searches_what_the_issue_promises():
    keys = " ".join(load_space("bnneck").space.parameters)
    for part in (
        "BASE_LR", "WEIGHT_DECAY", "WARMUP", "SCHED", "NUM_INSTANCE", "CE.EPSILON",
        "TRI.MARGIN", "HARD_MINING", "NECK_FEAT", "REA.PROB", "POOL_LAYER",
    ):  # fmt: skip
        assert part in keys


def test_ablation_of_bag_of_tricks_goes_from_the_plain_baseline_to_the_recipe():
    loaded = load_space("bag_of_tricks_ablation")
    rows = row_values(loaded.space.rows, loaded.base)
    names = ["baseline", "+ warm-up", "+ random erasing", "+ label smoothing", "+ last stride 1", "+ BNNeck"]
    assert list(rows) == [*names, "+ center loss", "+ re-ranking"]
    recipe = load_config("bag_of_tricks").values
    assert {key: value for key, value in rows["+ center loss"].items() if value != recipe[key]} == {
        "SOLVER.WARMUP_ITERS": 0  # not read beside WARMUP_EPOCHS
    }
    assert rows["+ re-ranking"]["TEST.RERANK.ENABLED"]
    plain = complete(loaded.base, rows["baseline"], {})
    assert (plain["SOLVER.WARMUP_EPOCHS"], plain["SOLVER.WARMUP_ITERS"]) == (0, 0)
    assert plain["MODEL.LOSSES.CE.SPREAD"] == "all_classes"


def test_ablation_of_bag_of_tricks_quotes_the_papers_columns():
    rows = load_space("bag_of_tricks_ablation").space.rows
    market = [(row.published["Market-1501"]["rank1"], row.published["Market-1501"]["mAP"]) for row in rows]
    assert market == [
        (87.7, 74.0), (88.7, 75.2), (91.3, 79.3), (91.4, 80.3), (92.0, 81.7), (94.1, 85.7), (94.5, 85.9), (95.4, 94.2),
    ]  # fmt: skip
    duke = {row.name: row.published["DukeMTMC"] for row in rows}
    assert duke["baseline"] == {"rank1": 79.7, "mAP": 63.8}
    assert duke["+ center loss"] == {"rank1": 86.4, "mAP": 76.4}
    assert duke["+ re-ranking"] == {"rank1": 90.3, "mAP": 89.1}


def test_ablation_of_bag_of_tricks_takes_small_networks():
    small = {
        "MODEL.BACKBONE.NAME": "build_mobilenetv2_backbone",
        "MODEL.BACKBONE.DEPTH": "1.0x",
        "MODEL.BACKBONE.FEAT_DIM": 1280,
    }
    assert len(load_space("bag_of_tricks_ablation", overrides=small, max_epochs=9).space.rows) == 8
    fewer = {**small, "MODEL.BACKBONE.LAST_STRIDE": 2, "TEST.RERANK.ENABLED": False}
    kept = [row.name for row in load_space("bag_of_tricks_ablation", overrides=fewer).space.rows]
    assert kept[-2:] == ["+ BNNeck", "+ center loss"]
    assert "+ last stride 1" not in kept


@pytest.mark.slow
def test_spaces_load_without_heavy_imports():
    modules = ("catalog", "convert", "describe", "encoding", "load", "sampling")
    imports = "; ".join(f"import search_spaces.{module}" for module in modules)
    code = (
        f"import sys; {imports}; print([m for m in ('torch', 'optuna', 'scipy', 'ray', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
