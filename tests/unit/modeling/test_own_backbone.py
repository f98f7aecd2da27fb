"""A backbone of the user's own, named by import path."""

from __future__ import annotations

import sys

import pytest
import torch

from reid_core.config import json_schema, load_config
from reid_core.config.convert import tree_of
from reid_core.errors import ConfigError, SpaceError
from reid_core.modeling import build_model
from search_spaces.load import load_space

PACKAGE = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 4, stride=4)
        self.feature_dim = width

    def forward(self, x):
        return self.conv(x)


def build(settings):
    return Net(int(settings.depth))


def without_width(settings):
    return nn.Conv2d(3, 8, 1)


def with_a_text(settings):
    net = Net(8)
    net.feature_dim = "8"
    return net


def no_module(settings):
    return [8]


def broken(settings):
    raise ValueError(f"no weights for depth {settings.depth}")


class Nets:
    @staticmethod
    def wide(settings):
        return Net(64)


number = 3
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the test's own on the path; its modules are forgotten afterwards."""
    folder = tmp_path / "garden_nets"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "small.py").write_text(PACKAGE)
    (folder / "torn.py").write_text("def build(settings:\n")
    (folder / "needy.py").write_text("import no_such_library_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "garden_nets"
    for name in [name for name in sys.modules if name.partition(".")[0] == "garden_nets"]:
        del sys.modules[name]


def built(name, **settings):
    config = tree_of({"MODEL.BACKBONE.NAME": name, "MODEL.BACKBONE.DEPTH": "12", "INPUT.SIZE_TRAIN": [32, 16]})
    return build_model(config, 5)


def test_a_function_of_the_users_builds_the_backbone_from_the_settings(package):
    model = built(f"{package}.small:build")
    assert model.backbone.feature_dim == 12
    assert model.heads.weight.shape == (5, 12)
    assert model.eval().embed(torch.zeros(2, 3, 32, 16)).shape == (2, 12)


def test_the_function_may_be_an_attribute_of_a_class(package):
    assert built(f"{package}.small:Nets.wide").backbone.feature_dim == 64


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("no_such_package.small:build", "there is no module no_such_package"),
        ("garden_nets.large:build", "there is no module garden_nets.large"),
        ("garden_nets.small.deep:build", "there is no module garden_nets.small.deep"),
        ("garden_nets.small:biuld", "garden_nets.small has no biuld"),
        ("garden_nets.small:number", "garden_nets.small:number is an object of int, not a function"),
        ("garden_nets.small:without_width", "has no attribute feature_dim"),
        ("garden_nets.small:with_a_text", "feature_dim of what garden_nets.small:with_a_text returned is '8'"),
        ("garden_nets.small:no_module", "returned an object of list, not an nn.Module"),
        ("garden_nets.small:broken", "garden_nets.small:broken failed: ValueError: no weights for depth 12"),
        ("garden_nets.torn:build", "garden_nets.torn cannot be imported: SyntaxError"),
        (
            "garden_nets.needy:build",
            "cannot be imported: ModuleNotFoundError: No module named 'no_such_library_at_all'",
        ),
    ],
)
@pytest.mark.usefixtures("package")
def test_what_is_wrong_with_it_is_said(place, message):
    with pytest.raises(ConfigError) as caught:
        built(place)
    (finding,) = caught.value.findings
    assert message in finding.message
    assert finding.key == "MODEL.BACKBONE.NAME"
    assert finding.hint


def test_a_missing_function_is_answered_with_those_that_are_there(package):
    with pytest.raises(ConfigError, match="it has Net, Nets, broken, build"):
        built(f"{package}.small:biuld")


def test_the_configuration_accepts_an_import_path_and_imports_nothing(package):
    config = load_config("demo", [("MODEL.BACKBONE.NAME", f"{package}.torn:build")])
    assert config.values["MODEL.BACKBONE.NAME"] == f"{package}.torn:build"
    assert package not in sys.modules


@pytest.mark.parametrize(
    "text", ["garden_nets.small", "garden_nets.small:", ":build", "a-b:c", "a:b:c", "a:b()", "a..b:c", "1a:b"]
)
def test_another_text_is_refused_with_the_form_it_should_have(text):
    with pytest.raises(ConfigError, match=r"package\.module:function"):
        load_config("demo", [("MODEL.BACKBONE.NAME", text)])


def test_json_schema_knows_both_spellings():
    name = json_schema()["$defs"]["Backbone"]["properties"]["NAME"]
    names, pattern = name["anyOf"]
    assert "build_resnet_backbone" in names["enum"]
    assert pattern["pattern"].startswith("^")


def test_a_space_may_choose_between_a_backbone_of_the_users_and_ours():
    space = "recipe: bnneck\nparameters:\n  MODEL.BACKBONE.NAME: {type: choice, values: [build_resnet_backbone, %s]}\n"
    assert load_space(space % "a.b:build").space.parameters
    with pytest.raises(SpaceError, match=r"package\.module:function"):
        load_space(space % "'a.b:'")
