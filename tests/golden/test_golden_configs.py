"""FastReID's defaults and files against the schema."""

from __future__ import annotations

import pytest
import yaml
from golden_folder import record

from reid_core.config import DIFFERENCES, Config, load_config, to_values


def test_the_record_has_defaults_and_files_only():
    assert set(record("configs.json")) == {"defaults", "resolved"}


def test_every_default_of_fastreid_is_ours_or_explained():
    ours = to_values(Config())
    different = {key for key, value in record("configs.json")["defaults"].items() if ours.get(key) != value}
    assert different == set(DIFFERENCES)


@pytest.mark.parametrize("name", record("configs.json")["resolved"])
def test_a_configuration_of_fastreid_loads_and_resolves_to_its_values(name, tmp_path):
    recorded = record("configs.json")
    path = tmp_path / "fastreid.yml"
    path.write_text(yaml.safe_dump(nested(recorded["resolved"][name])))
    got = to_values(load_config(path).config)
    want = recorded["defaults"] | recorded["resolved"][name]
    assert {key: got.get(key) for key in want if key not in DIFFERENCES} == {
        key: value for key, value in want.items() if key not in DIFFERENCES
    }


def nested(values):
    """Flat keys as the sections of a YAML file."""
    tree = {}
    for key, value in values.items():
        *sections, last = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {})
        place[last] = value
    return tree


RECIPES = {"agw": "Base-AGW.yml", "sbs": "Base-SBS.yml", "mgn": "Base-MGN.yml"}


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_shipped_recipe_is_fastreids_file_without_its_downloaded_weights(recipe):
    recorded = record("configs.json")
    if RECIPES[recipe] not in recorded["resolved"]:
        pytest.skip(f"{RECIPES[recipe]} is not in this folder")
    want = recorded["defaults"] | recorded["resolved"][RECIPES[recipe]]
    got = load_config(recipe).values
    assert {key for key in want if got[key] != want[key]} == {"MODEL.BACKBONE.PRETRAIN", *DIFFERENCES}
