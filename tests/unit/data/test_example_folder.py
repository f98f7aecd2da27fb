import json

import numpy as np
from click.testing import CliRunner
from PIL import Image

from orchestrator.cli.data import data_group
from reid_core.config import load_config
from reid_core.data.pipeline import load_datasets
from reid_core.data.synthetic.images import SyntheticParameters, synthetic_dataset

SMALL = ("--identities", "4", "--test-identities", "2", "--cameras", "2", "--images", "2")


def example(*words):
    return CliRunner().invoke(data_group, ["example", *map(str, words)])


def test_the_example_is_the_built_in_set_as_files(tmp_path):
    done = example(tmp_path / "photos", *SMALL, "--json")
    assert json.loads(done.output)["images"] == 24
    config = load_config("demo", {"DATASETS.ROOT": str(tmp_path / "photos")}).config
    found = load_datasets(config).train
    built_in = synthetic_dataset(SyntheticParameters(4, 2, 2, 2))
    for part in ("train", "query", "gallery"):
        told = [(one.path.removesuffix(".jpg"), one.pid, one.camid) for one in getattr(found, part)]
        assert told
        assert sorted(told) == sorted((one.path, one.pid, one.camid) for one in getattr(built_in, part))
    first = built_in.train[0]
    drawn = built_in.source.draw(0, 0, 0).astype(int)
    kept = np.asarray(Image.open(tmp_path / "photos" / f"{first.path}.jpg")).astype(int)
    assert np.abs(drawn - kept).mean() < 4  # JPEG


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    done = example(tmp_path, *SMALL)
    assert done.exit_code != 0
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
