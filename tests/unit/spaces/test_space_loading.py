"""What a loaded space is made of: lookup, base, defaults, options, another number of epochs."""

from __future__ import annotations

import pytest

from reid_core.config import load_config, scale_to
from reid_core.errors import SpaceError
from search_spaces import catalog
from search_spaces.load import load_space
from search_spaces.model import Goal

SPACE = """
recipe: bnneck
budget: {max_epochs: 60, min_epochs: 7}
fixed: {SOLVER.DELAY_EPOCHS: 20}
parameters:
  SOLVER.BASE_LR: {type: float, low: 1e-4, high: 1e-2, log: true}
  SOLVER.WARMUP_EPOCHS: {type: float, low: 1, high: 20}
  MODEL.LOSSES.TRI.SOFT_MARGIN: {type: choice, values: [false, true]}
  MODEL.LOSSES.TRI.MARGIN: {type: float, low: 0.1, high: 0.6, prior: 0.5, when: {MODEL.LOSSES.TRI.SOFT_MARGIN: false}}
"""


def test_base_is_the_whole_recipe_scaled_to_the_budget():
    recipe = load_config("bnneck").values
    base = load_space(
        "recipe: bnneck\nbudget: {max_epochs: 30}\nparameters:\n  INPUT.REA.PROB: {type: float, low: 0, high: 1}"
    ).base
    assert base == scale_to(recipe, 30)
    assert base["SOLVER.MAX_EPOCH"] == 30


def test_defaults_are_priors_else_the_recipes_values():
    loaded = load_space(SPACE)
    assert loaded.defaults == {
        "SOLVER.BASE_LR": 3.5e-4,
        "SOLVER.WARMUP_EPOCHS": 5.0,
        "MODEL.LOSSES.TRI.SOFT_MARGIN": False,
        "MODEL.LOSSES.TRI.MARGIN": 0.5,
    }
    assert loaded.base["MODEL.LOSSES.TRI.MARGIN"] == 0.3


def test_file_here_wins_over_the_catalog(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(load_space("bnneck.yaml").space.parameters) == 12
    (tmp_path / "bnneck.yaml").write_text("name: mine\n" + SPACE)
    assert load_space("bnneck.yaml").space.name == load_space("bnneck").space.name == "mine"


def test_name_of_a_space_defaults_to_its_files(tmp_path):
    (tmp_path / "small.yaml").write_text(SPACE)
    assert load_space(str(tmp_path / "small.yaml")).space.name == "small"


def test_recipe_is_looked_up_beside_the_space(tmp_path):
    (tmp_path / "own.yaml").write_text("_BASE_: bnneck.yaml\nSOLVER: {BASE_LR: 0.002}\n")
    (tmp_path / "space.yaml").write_text(SPACE.replace("recipe: bnneck", "recipe: own.yaml"))
    assert load_space(str(tmp_path / "space.yaml")).defaults["SOLVER.BASE_LR"] == 0.002


def test_fault_in_a_recipe_is_told_where_it_stands(tmp_path):
    (tmp_path / "own.yaml").write_text("SOLVER:\n  BASELR: 0.002\n")
    (tmp_path / "space.yaml").write_text(SPACE.replace("recipe: bnneck", "recipe: own.yaml"))
    with pytest.raises(SpaceError, match=r"own\.yaml:2:3: error\[unknown-key\].*BASE_LR"):
        load_space(str(tmp_path / "space.yaml"))


def test_option_makes_a_recipe_usable_that_is_not_so_alone(tmp_path):
    (tmp_path / "own.yaml").write_text("_BASE_: bnneck.yaml\nMODEL: {BACKBONE: {NORM: GhostBN}}\n")
    path = tmp_path / "space.yaml"
    path.write_text(SPACE.replace("recipe: bnneck", "recipe: own.yaml"))
    with pytest.raises(SpaceError, match=r"own\.yaml:2:\d+: error.*GhostBN"):
        load_space(str(path))
    base = load_space(str(path), overrides={"MODEL.BACKBONE.NORM": "GN", "SOLVER.DELAY_EPOCHS": 1}).base
    assert (base["MODEL.BACKBONE.NORM"], base["SOLVER.DELAY_EPOCHS"]) == ("GN", 1)


def test_option_for_a_parameter_fixes_it_and_is_noted():
    loaded = load_space(SPACE, overrides={"SOLVER.BASE_LR": 0.5})
    assert "SOLVER.BASE_LR" not in loaded.space.parameters
    assert loaded.space.fixed["SOLVER.BASE_LR"] == loaded.base["SOLVER.BASE_LR"] == 0.5
    assert any("SOLVER.BASE_LR is set to 0.5" in note for note in loaded.notes)


def test_parameter_that_an_option_makes_inactive_for_good_is_left_out():
    loaded = load_space(SPACE, overrides={"MODEL.LOSSES.TRI.SOFT_MARGIN": True})
    assert list(loaded.space.parameters) == ["SOLVER.BASE_LR", "SOLVER.WARMUP_EPOCHS"]
    assert any("MODEL.LOSSES.TRI.MARGIN" in note for note in loaded.notes)


def test_parameter_that_an_option_makes_active_stays():
    loaded = load_space(SPACE, overrides={"MODEL.LOSSES.TRI.SOFT_MARGIN": False})
    assert "MODEL.LOSSES.TRI.MARGIN" in loaded.space.parameters


@pytest.mark.parametrize(
    ("overrides", "code", "says"),
    [
        ({"SOLVER.BASELR": 1}, "unknown-key", "did you mean SOLVER.BASE_LR"),
        ({"SOLVER.GAMMA": "x"}, "wrong-type", "--set SOLVER.GAMMA"),
        ({"SOLVER.GAMMA": 7}, "out-of-range", "at most 1"),
        ({"SOLVER.OPT": "Adm"}, "unknown-value", "did you mean Adam"),
    ],
)
def test_bad_option_is_refused_by_name(overrides, code, says):
    with pytest.raises(SpaceError) as caught:
        load_space(SPACE, overrides=overrides)
    (found,) = caught.value.findings
    assert (found.code, found.line) == (code, 0)
    assert found.file.startswith("--set ")
    assert says in str(found)


def test_options_that_leave_nothing_to_search_are_refused():
    text = "recipe: bnneck\nparameters:\n  SOLVER.GAMMA: {type: float, low: 0.1, high: 0.5}\n"
    with pytest.raises(SpaceError, match="empty-space"):
        load_space(text, overrides={"SOLVER.GAMMA": 0.2})


def test_shorter_run_scales_recipe_fixed_values_bounds_and_lowest_rung():
    loaded = load_space(SPACE, max_epochs=9)
    warmup = loaded.space.parameters["SOLVER.WARMUP_EPOCHS"]
    assert (loaded.space.budget.max_epochs, loaded.space.budget.min_epochs) == (9, 1)
    assert loaded.base["SOLVER.MAX_EPOCH"] == 9
    assert (warmup.low, warmup.high) == (pytest.approx(0.15), pytest.approx(3.0))
    assert loaded.defaults["SOLVER.WARMUP_EPOCHS"] == pytest.approx(0.75)
    assert loaded.base["SOLVER.DELAY_EPOCHS"] == loaded.space.fixed["SOLVER.DELAY_EPOCHS"] == 3


def test_option_is_not_scaled():
    loaded = load_space(SPACE, max_epochs=9, overrides={"SOLVER.DELAY_EPOCHS": 2, "SOLVER.WARMUP_EPOCHS": 4})
    assert loaded.base["SOLVER.DELAY_EPOCHS"] == 2
    assert loaded.base["SOLVER.WARMUP_EPOCHS"] == 4


def test_max_epoch_as_an_option_is_the_budget():
    loaded = load_space(SPACE, overrides={"SOLVER.MAX_EPOCH": 9})
    assert loaded.space == load_space(SPACE, max_epochs=9).space
    with pytest.raises(SpaceError, match=r"SOLVER.MAX_EPOCH is 9, but --max-epochs is 8"):
        load_space(SPACE, overrides={"SOLVER.MAX_EPOCH": 9}, max_epochs=8)


def test_parameter_without_room_in_a_short_run_becomes_fixed():
    text = """
recipe: bnneck
parameters:
  SOLVER.DELAY_EPOCHS: {type: int, low: 0, high: 9}
  SOLVER.STEPS: {type: choice, values: [[20, 35], [21, 36], [40, 50]]}
"""
    loaded = load_space(text, max_epochs=6)
    assert list(loaded.space.parameters) == ["SOLVER.DELAY_EPOCHS", "SOLVER.STEPS"]
    assert loaded.space.parameters["SOLVER.STEPS"].values == ([2, 4], [4, 5])
    loaded = load_space(text, max_epochs=4)
    assert list(loaded.space.parameters) == ["SOLVER.DELAY_EPOCHS", "SOLVER.STEPS"]
    loaded = load_space(text.replace("high: 9", "high: 5"), max_epochs=5)
    assert loaded.base["SOLVER.DELAY_EPOCHS"] == loaded.space.fixed["SOLVER.DELAY_EPOCHS"] == 0
    assert any("SOLVER.DELAY_EPOCHS does not vary in 5 epochs" in note for note in loaded.notes)


@pytest.mark.slow
@pytest.mark.parametrize("epochs", [3, 5, 7, 9, 13, 40, 200])
@pytest.mark.parametrize("name", catalog.names())
def test_catalog_loads_at_any_number_of_epochs(name, epochs):
    loaded = load_space(name, max_epochs=epochs)
    assert loaded.base["SOLVER.MAX_EPOCH"] == loaded.space.budget.max_epochs == epochs


def test_longer_run_keeps_the_lowest_rung():
    assert load_space(SPACE, max_epochs=120).space.budget.min_epochs == 7


@pytest.mark.parametrize(("longest", "lowest", "code"), [(0, None, "out-of-range"), (9, 10, "min-epochs-above-max")])
def test_impossible_budget_option_is_refused(longest, lowest, code):
    with pytest.raises(SpaceError) as caught:
        load_space(SPACE, max_epochs=longest, min_epochs=lowest)
    assert caught.value.findings[0].code == code
    assert caught.value.findings[0].file.startswith("--m")


def test_option_that_contradicts_the_recipe_is_refused():
    with pytest.raises(SpaceError, match="impossible"):
        load_space(SPACE, overrides={"SOLVER.IMS_PER_BATCH": 6})


def test_space_without_recipe_has_any_keys_and_its_priors():
    loaded = load_space(
        "parameters:\n  depth: {type: int, low: 1, high: 5, prior: 2}\n  width: {type: int, low: 8, high: 64}\n"
    )
    assert (loaded.base, loaded.defaults) == ({}, {"depth": 2})


@pytest.mark.parametrize(
    ("written", "metric", "goal"),
    [("mAP", "mAP", Goal.MAXIMIZE), ("loss", "loss", Goal.MINIMIZE), ("{metric: rank1}", "rank1", Goal.MAXIMIZE)],
)
def test_objective_may_be_short(written, metric, goal):
    (objective,) = load_space(f"objective: {written}\n{SPACE}").space.objective
    assert (objective.metric, objective.goal) == (metric, goal)


def test_objective_may_be_a_list():
    space = load_space(f"objective: [mAP, {{metric: loss}}]\n{SPACE}").space
    assert [objective.metric for objective in space.objective] == ["mAP", "loss"]
