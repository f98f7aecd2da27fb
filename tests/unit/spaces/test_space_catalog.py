"""Every space that ships: sound, described, and each configuration drawn from it is one that can be trained."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reid_core.config import from_values
from reid_core.errors import NotFound
from search_spaces import catalog
from search_spaces.encoding import Encoder, complete
from search_spaces.load import load_space
from search_spaces.sampling import draw

ROOT = Path(__file__).resolve().parents[3]


def test_catalog_has_the_promised_spaces():
    assert {"augmentation", "bnneck", "optimizer"} <= set(catalog.names())
    assert catalog.read("bnneck") == catalog.read("bnneck.yaml")


def test_unknown_name_lists_the_catalog():
    with pytest.raises(NotFound, match=r"did you mean optimizer\?(.|\n)*bnneck"):
        catalog.read("optimiser")


@pytest.mark.parametrize("name", catalog.names())
def test_every_sampled_configuration_is_valid(name):
    loaded = load_space(name)
    assert loaded.space.name == name
    assert loaded.space.description
    assert loaded.space.recipe
    cube, rng = Encoder(loaded.space, loaded.base), np.random.default_rng(0)
    for _ in range(200):
        from_values(complete(loaded.base, draw(cube, rng)))


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


def test_grammar_reference_is_up_to_date():
    assert runpy.run_path(str(ROOT / "tools" / "space_reference.py"))["main"](["--check"]) == 0


def test_spaces_load_without_heavy_imports():
    modules = ("catalog", "convert", "describe", "encoding", "load", "sampling")
    imports = "; ".join(f"import search_spaces.{module}" for module in modules)
    code = (
        f"import sys; {imports}; print([m for m in ('torch', 'optuna', 'scipy', 'ray', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
