"""A whole model of another tool becomes a checkpoint that says the same of every image."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from reid_core import api
from reid_core.config import from_values
from reid_core.errors import CheckpointError, Conflict
from reid_core.modeling import build_model

VALUES = {
    "MODEL.DEVICE": "cpu",
    "MODEL.BACKBONE.DEPTH": "18x",
    "MODEL.BACKBONE.FEAT_DIM": 512,
    "MODEL.HEADS.WITH_BNNECK": True,
    "INPUT.SIZE_TEST": [64, 32],
    "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
    "DATASETS.SYNTHETIC.IDENTITIES": 8,
    "DATASETS.SYNTHETIC.IMAGES": 2,
}


@pytest.fixture
def config():
    return from_values(VALUES)


@pytest.fixture
def foreign(config, tmp_path):
    """A model of ours under the names of the Bag of Tricks, with 751 classes."""
    torch.manual_seed(3)
    model = build_model(config, 751, pretrained=False).eval()
    named = {}
    for own, value in model.state_dict().items():
        name = own.replace("heads.bottleneck.0.", "bottleneck.").replace("heads.weight", "classifier.weight")
        named[name.replace("backbone.", "base.")] = value
    torch.save(named, tmp_path / "theirs.pth")
    return model, tmp_path / "theirs.pth"


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (64, 32, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.mark.slow
def test_it_embeds_what_the_model_embeds(config, foreign, images, tmp_path):
    model, path = foreign
    made = api.convert_weights(path, config, tmp_path / "ours.pt")
    assert (made.identities, made.notes) == (751, ())
    rows = api.embed(config, made.path, images)
    pixels = torch.from_numpy(np.stack([np.asarray(Image.open(path)) for path in images])).permute(0, 3, 1, 2)
    with torch.inference_mode():
        expected = torch.nn.functional.normalize(model.embed(pixels.contiguous())).numpy()
    assert np.asarray(rows) == pytest.approx(expected, abs=1e-5)


@pytest.mark.slow
def test_another_model_is_refused_and_nothing_is_written(foreign, tmp_path):
    other = from_values(VALUES | {"MODEL.BACKBONE.DEPTH": "50x", "MODEL.BACKBONE.FEAT_DIM": 2048})
    with pytest.raises(CheckpointError):
        api.convert_weights(foreign[1], other, tmp_path / "ours.pt")
    assert not (tmp_path / "ours.pt").exists()


@pytest.mark.slow
def test_a_file_that_is_there_stays(config, foreign, tmp_path):
    (tmp_path / "ours.pt").write_text("mine")
    with pytest.raises(Conflict):
        api.convert_weights(foreign[1], config, tmp_path / "ours.pt")
    assert (tmp_path / "ours.pt").read_text() == "mine"
