"""Loading: recipes, files, inheritance, overrides, and every fault at its place."""

from __future__ import annotations

import pytest

from reid_core.config import Config, from_values, load_config, parse_value, to_values
from reid_core.errors import ConfigError, NotFound


@pytest.fixture
def write(tmp_path):
    def _write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return _write


def lines_of(path, *overrides):
    with pytest.raises(ConfigError) as caught:
        load_config(path, overrides)
    return [str(finding).replace(f"{path.parent}/", "") for finding in caught.value.findings]


def test_a_file_changes_its_keys_and_leaves_the_defaults(write):
    loaded = load_config(write("c.yaml", "SOLVER:\n  BASE_LR: 3e-3\n  STEPS: (40, 90)\n"))
    assert loaded.config.solver.base_lr == 3e-3
    assert loaded.values == to_values(Config()) | {"SOLVER.BASE_LR": 3e-3, "SOLVER.STEPS": [40, 90]}
    assert loaded.file.endswith("c.yaml")


def test_an_empty_file_is_the_defaults(write):
    assert load_config(write("c.yaml", "")).config == Config()


def test_dotted_keys_are_read_like_sections(write):
    assert load_config(write("c.yaml", "SOLVER.OPT: SGD\n")).config.solver.opt == "SGD"


def test_inheritance_is_relative_to_each_file_and_the_child_wins(write):
    write("bases/far.yaml", "SOLVER: {OPT: SGD, MAX_EPOCH: 7, GAMMA: 0.5}\n")
    write("bases/near.yaml", "_BASE_: far.yaml\nSOLVER: {MAX_EPOCH: 8}\n")
    path = write("c.yaml", "_BASE_: bases/near.yaml\nSOLVER:\n  GAMMA: 1\n")
    solver = load_config(path).config.solver
    assert (solver.opt, solver.max_epoch, solver.gamma) == ("SGD", 8, 1.0)


def test_a_file_may_inherit_a_shipped_recipe(write):
    path = write("c.yaml", "_BASE_: bnneck.yaml\nSOLVER: {MAX_EPOCH: 70}\n")
    assert load_config(path).values == load_config("bnneck", {"SOLVER.MAX_EPOCH": 70}).values


def test_a_file_here_comes_before_the_recipe_of_its_name(write, monkeypatch):
    path = write("bnneck.yaml", "SOLVER: {MAX_EPOCH: 7}\n")
    monkeypatch.chdir(path.parent)
    assert load_config("bnneck.yaml").config.solver.max_epoch == 7
    assert load_config("bnneck").config.solver.max_epoch == 60


def test_inheriting_itself_is_refused_with_the_way_round(write):
    write("a.yaml", "_BASE_: b.yaml\n")
    path = write("b.yaml", "_BASE_: a.yaml\n")
    assert lines_of(path)[0].endswith(
        "a.yaml:1:1: error[base-cycle]: _BASE_: a file inherits itself: b.yaml -> a.yaml -> b.yaml"
    )


def test_a_missing_ancestor_is_named_where_it_is_asked_for(write):
    path = write("c.yaml", "SOLVER: {}\n_BASE_: gone.yaml\n")
    assert lines_of(path)[0].startswith("c.yaml:2:1: error[missing-base]: _BASE_: there is no gone.yaml")


@pytest.mark.parametrize("text", ["_BASE_: 3\n", "_BASE_: [a.yaml]\n", "_BASE_:\n"])
def test_an_ancestor_that_is_no_name_is_refused(write, text):
    assert "error[wrong-type]: _BASE_" in lines_of(write("c.yaml", text))[0]


def test_unknown_recipe_says_what_there_is():
    with pytest.raises(NotFound, match="did you mean bnneck") as caught:
        load_config("bneck")
    assert "strong_baseline" in str(caught.value)


@pytest.mark.parametrize("name", ["../recipes/bnneck", "no" * 3000, "a\0b", ""])
def test_odd_names_are_not_found(name):
    with pytest.raises(NotFound):
        load_config(name)


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert lines_of(path) == ["c.yaml: error[unreadable]: not a text file in UTF-8"]


def test_a_file_that_is_no_mapping_is_refused(write):
    assert lines_of(write("c.yaml", "- SOLVER\n"))[0].startswith("c.yaml:1:1: error[wrong-type]: a configuration is")


def test_every_fault_is_reported_at_its_place_in_order(write):
    path = write(
        "c.yaml",
        "SOLVER:\n"
        "  BASELR: 1\n"
        "  BASE_LR: fast\n"
        "  AMP: on\n"
        "  STEPS: [30, 2.5]\n"
        "SOLVRE: {OPT: SGD}\n"
        "MODEL: {HEADS: {NORM: GhostBN}}\n"
        "INPUT: {SIZE_TEST: [64, 8]}\n"
        "SOLVER.STEPS: [1]\n",
    )
    assert lines_of(path) == [
        "c.yaml:2:3: error[unknown-key]: SOLVER.BASELR is not a key; did you mean SOLVER.BASE_LR?",
        "c.yaml:3:12: error[wrong-type]: SOLVER.BASE_LR takes a number, not the text 'fast'",
        "c.yaml:4:8: error[wrong-type]: SOLVER.AMP is a section and takes no value itself",
        "c.yaml:5:15: error[wrong-type]: SOLVER.STEPS[1] takes a whole number, not 2.5",
        "c.yaml:6:1: error[unknown-key]: SOLVRE is not a key; did you mean SOLVER?",
        (
            "c.yaml:7:23: error[unsupported]: MODEL.HEADS.NORM: this release does not have GhostBN;"
            " available: BN, syncBN, GN"
        ),
        "c.yaml:8:25: error[out-of-range]: INPUT.SIZE_TEST[1] is 8; it must be at least 16 and at most 4096",
        "c.yaml:9:1: error[duplicate-key]: SOLVER.STEPS is given twice, once with dots and once in sections",
    ]


def test_a_fault_between_keys_is_blamed_on_who_set_them_last(write):
    write("base.yaml", "DATALOADER:\n  SAMPLER_TRAIN: BalancedIdentitySampler\n  NUM_INSTANCE: 7\n")
    path = write("c.yaml", "_BASE_: base.yaml\n")
    assert lines_of(path)[0].startswith("base.yaml:3:17: error[impossible]: a batch of 64 images")
    assert lines_of(path, ("SOLVER.IMS_PER_BATCH", 30))[0].startswith("--set SOLVER.IMS_PER_BATCH: error[impossible]")


def test_a_choice_that_is_overridden_is_no_fault(write):
    path = write("c.yaml", "MODEL: {BACKBONE: {NORM: GhostBN}}\n")
    assert lines_of(path)[0].startswith("c.yaml:1:26: error[unsupported]: MODEL.BACKBONE.NORM")
    assert load_config(path, [("MODEL.BACKBONE.NORM", "BN")]).config == Config()


def test_faults_of_options_name_the_option(write):
    path = write("c.yaml", "")
    assert lines_of(path, ("SOLVER.BASELR", 1), ("SOLVER.GAMMA", "x")) == [
        "--set SOLVER.BASELR: error[unknown-key]: SOLVER.BASELR is not a key; did you mean SOLVER.BASE_LR?",
        "--set SOLVER.GAMMA: error[wrong-type]: SOLVER.GAMMA takes a number, not the text 'x'",
    ]


def test_the_last_override_wins_and_a_mapping_will_do():
    assert load_config("bnneck", [("SOLVER.GAMMA", 0.2), ("SOLVER.GAMMA", 0.3)]).config.solver.gamma == 0.3
    assert load_config("bnneck", {"SOLVER.GAMMA": 0.2}).config.solver.gamma == 0.2


def test_base_values_lie_beneath_the_file(write):
    path = write("c.yaml", "SOLVER: {GAMMA: 0.2}\n")
    solver = load_config(path, base={"SOLVER.GAMMA": 0.9, "SOLVER.OPT": "SGD"}).config.solver
    assert (solver.gamma, solver.opt) == (0.2, "SGD")


@pytest.mark.parametrize("text", ["18", "True", "[1, 2]", "3e-4", "it's"])
def test_text_that_looks_like_python_stays_text(text):
    assert load_config("bnneck", {"OUTPUT_DIR": text}).config.output_dir == text


def test_loaded_values_are_the_whole_truth():
    loaded = load_config("bag_of_tricks")
    assert from_values(loaded.values) == loaded.config


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[128,64]", [128, 64]),
        ("3e-4", 3e-4),
        ("true", True),
        ("7", 7),
        ('"7"', "7"),
        ("Adam", "Adam"),
        ("", ""),
        ("package.module:build", "package.module:build"),
        ("../shared/weights/w.pth", "../shared/weights/w.pth"),
        ("[]", []),
    ],
)
def test_option_values_are_read_like_yaml(text, value):
    got = parse_value(text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize("text", ["{a: 1}", "[1, [2]]", "*x", "[1", "!!python/name:os.system x"])
def test_option_values_that_are_no_values_are_refused(text):
    with pytest.raises(ConfigError) as caught:
        parse_value(text)
    (finding,) = caught.value.findings
    assert (finding.file, finding.line) == ("--set", 0)
    assert repr(text) in finding.message
