"""The shipped recipes are what the papers say, and what the product promises."""

from __future__ import annotations

import subprocess
import sys

import pytest

from reid_core.config import load_config, recipes


def test_the_recipes_of_this_release_ship():
    assert {"agw", "bag_of_tricks", "bnneck", "demo", "mgn", "sbs", "strong_baseline"} <= {
        recipe.name for recipe in recipes()
    }


@pytest.mark.slow
@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_loads_and_is_described(recipe):
    assert load_config(recipe.name).file == str(recipe.path)
    assert load_config(recipe.path).values == load_config(recipe.name).values
    assert len(recipe.description) > 10
    assert recipe.path.read_text().startswith(f"# {recipe.description}\n")


def test_bag_of_tricks_is_the_papers_strong_baseline():
    config = load_config("bag_of_tricks").config
    solver, losses, head = config.solver, config.model.losses, config.model.heads
    assert (solver.opt, solver.base_lr, solver.weight_decay) == ("Adam", 3.5e-4, 5e-4)
    assert (solver.max_epoch, solver.sched, solver.steps, solver.gamma) == (120, "MultiStepLR", (40, 70), 0.1)
    assert (solver.warmup_epochs, solver.warmup_factor, solver.warmup_method) == (10.0, 0.01, "linear")
    assert solver.ims_per_batch // config.dataloader.num_instance == 16
    assert losses.name == ("CrossEntropyLoss", "TripletLoss", "CenterLoss")
    assert (losses.ce.epsilon, losses.tri.margin, losses.tri.hard_mining) == (0.1, 0.3, True)
    assert (losses.center.scale, losses.center.lr) == (0.0005, 0.5)
    assert (config.model.backbone.depth, config.model.backbone.last_stride) == ("50x", 1)
    assert (head.with_bnneck, head.neck_feat, head.pool_layer) == (True, "before", "GlobalAvgPool")
    inputs = config.input
    assert (inputs.size_train, inputs.padding.size, inputs.flip.prob, inputs.rea.prob) == ((256, 128), 10, 0.5, 0.5)
    assert inputs.padding.enabled
    assert inputs.flip.enabled
    assert inputs.rea.enabled


def test_bnneck_is_softmax_and_triplet_on_a_cosine():
    config = load_config("bnneck").config
    assert config.model.losses.name == ("CrossEntropyLoss", "TripletLoss")
    assert (config.solver.sched, config.solver.max_epoch) == ("CosineAnnealingLR", 60)
    assert 0 < config.solver.warmup_epochs < 10
    assert config.dataloader.sampler_train == "BalancedIdentitySampler"


def test_strong_baseline_adds_only_the_center_loss():
    plain, strong = load_config("bnneck").values, load_config("strong_baseline").values
    assert {key for key in plain if plain[key] != strong[key]} == {"MODEL.LOSSES.NAME"}


def test_the_demo_needs_no_files():
    config = load_config("demo").config
    assert config.datasets.root == "synthetic"
    assert not config.model.backbone.pretrain_path
    assert config.solver.max_epoch < 20


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
def test_a_recipe_takes_any_folder_of_images(recipe):
    assert load_config(recipe.name, {"DATASETS.ROOT": "photos"}).config.datasets.layout == "auto"


@pytest.mark.slow
def test_importing_the_configuration_loads_nothing_heavy():
    code = (
        "import sys, reid_core.config as c; c.load_config('bnneck');"
        "print([m for m in ('torch', 'numpy', 'ray', 'mlflow', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
