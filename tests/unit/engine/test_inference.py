from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from reid_core import api
from reid_core.data.loader import EvalBatch
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.engine.inference import load_model
from reid_core.errors import CheckpointError, DataError
from reid_core.modeling import build_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("trained")


@pytest.fixture
def trained(tiny, folder):
    """One epoch with an average of weights: what is measured differs from what trains."""
    config = tiny(SOLVER__EMA__ENABLED=True, SOLVER__MAX_EPOCH=1)
    path = folder / "epoch-0001.pt"
    if not path.exists():
        api.train(config, directory=folder, protocol=api.Protocol.VALIDATION, threads=1)
    return config, path


@pytest.fixture
def images(tmp_path):
    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{index}.png" for index in range(5)]
    for path in paths:
        Image.fromarray(rng.integers(0, 256, (40, 30, 3), dtype=np.uint8)).save(path)
    return paths


@pytest.mark.slow
def test_a_checkpoint_measures_as_it_did_while_training(trained):
    config, path = trained
    saved = torch.load(path, weights_only=True)["metrics"]
    report = api.evaluate(config, path, protocol=api.Protocol.VALIDATION, threads=1)
    assert report.metrics == {name: saved[name] for name in ("mAP", "mINP", "rank1", "rank5", "rank10")}
    assert report.counts["queries"] + report.counts["skipped_queries"] == 8
    assert report.counts["gallery"] == 8
    assert report.protocol.startswith("validation: 8 queries x 8 gallery of 2 identities held out of train")
    assert report.checkpoint == str(path)


@pytest.mark.slow
def test_the_test_protocol_measures_query_and_gallery(trained):
    config, path = trained
    report = api.evaluate(config, path, threads=1)
    assert report.protocol.startswith("test: ")
    assert "of 4 identities of the test split" in report.protocol


@pytest.mark.slow
def test_embeddings_are_unit_rows_in_the_order_of_the_images(trained, images):
    config, path = trained
    rows = api.embed(config, path, images, threads=1)
    assert rows.dtype == np.float32
    assert rows.shape[0] == 5
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-5)
    backwards = api.embed(config, path, images[::-1], threads=1)
    np.testing.assert_allclose(backwards[::-1], rows, atol=1e-5)
    assert api.embed(config, path, [], threads=1).shape == (0, rows.shape[1])


@pytest.mark.slow
def test_batch_size_changes_no_embedding(tiny, trained, images):
    _, path = trained
    one = api.embed(tiny(SOLVER__EMA__ENABLED=True, TEST__IMS_PER_BATCH=2), path, images, threads=1)
    all_at_once = api.embed(tiny(SOLVER__EMA__ENABLED=True), path, images, threads=1)
    np.testing.assert_allclose(one, all_at_once, atol=1e-5)


@pytest.mark.slow
def test_an_image_that_does_not_decode_is_named(trained, tmp_path):
    config, path = trained
    (tmp_path / "bad.jpg").write_text("no image")
    with pytest.raises(DataError, match=r"bad\.jpg.*corrupt-image"):
        api.embed(config, path, [tmp_path / "bad.jpg"])
    with pytest.raises(DataError, match=r"gone\.jpg"):
        api.embed(config, path, [tmp_path / "gone.jpg"])


@pytest.mark.slow
def test_a_checkpoint_of_another_model_is_refused(tiny, trained):
    _, path = trained
    with pytest.raises(CheckpointError, match=r"another model:\n  MODEL.BACKBONE.DEPTH: '0.1x' in the checkpoint"):
        api.evaluate(tiny(MODEL__BACKBONE__DEPTH="0.25x"), path)


@pytest.mark.slow
def test_flipped_features_are_those_of_image_and_mirror_image_together(trained):
    config, path = trained
    compute = Compute(torch.device("cpu"))
    model, _ = load_model(config, path, compute)
    batch = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    both = embeddings(model, [EvalBatch(batch)], compute, flip=True)
    apart = [embeddings(model, [EvalBatch(one)], compute) for one in (batch, batch.flip(3))]
    np.testing.assert_allclose(both, apart[0] + apart[1], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        embeddings(model, [EvalBatch(batch.flip(3))], compute, flip=True), both, rtol=1e-4, atol=1e-4
    )


@pytest.mark.slow
def test_a_repvgg_is_measured_in_its_form_for_inference(tiny, tmp_path):
    config = tiny(MODEL__BACKBONE__NAME="build_repvgg_backbone", MODEL__BACKBONE__DEPTH="A0", SOLVER__MAX_EPOCH=1)
    end = api.train(config, directory=tmp_path, protocol=api.Protocol.VALIDATION, threads=1)
    model, _ = load_model(config, end.checkpoint.path, Compute(torch.device("cpu")))
    blocks = {name.split(".")[-2] for name in model.state_dict() if ".stage" in f".{name}"}
    assert blocks == {"rbr_reparam"}
    trained = build_model(config, model.num_classes)
    trained.load_state_dict(torch.load(end.checkpoint.path, weights_only=True)["model"])
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(model.embed(images), trained.eval().embed(images), rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_embedding_leaves_every_module_in_its_mode(trained):
    config, path = trained
    compute = Compute(torch.device("cpu"))
    model, _ = load_model(config, path, compute)
    model.train()
    model.backbone.eval()
    embeddings(model, [EvalBatch(torch.zeros((2, 3, 32, 32), dtype=torch.uint8))], compute)
    assert model.training
    assert model.heads.training
    assert not model.backbone.training


@pytest.mark.slow
def test_importing_the_interface_loads_no_torch():
    code = "import sys, reid_core.api; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
