"""Exported files: the numbers of the model they were made from, a card, and the way to other tools."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from drawn_model import photos

from orchestrator.cli.export import card_lines
from reid_core import api
from reid_core.config import from_values
from reid_core.data.images import ImageArray
from reid_core.embedder import open_embedder
from reid_core.engine.checkpoint import load, save
from reid_core.errors import CheckpointError, DataError, NotFound, ReidTuneError
from reid_core.export import write
from reid_core.export.agreement import compare
from reid_core.export.card import METADATA_KEY, ModelCard, sidecar_of
from reid_core.export.checkpoint_embedder import CheckpointEmbedder
from reid_core.export.deploy import Step, build, steps
from reid_core.export.licences import LicenceClass, Origin, licence_of
from reid_core.export.write import Wanted, export_checkpoint


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    return export_checkpoint(checkpoint, tmp_path_factory.mktemp("out") / "model.onnx", Wanted(verify=True), threads=1)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return photos(tmp_path_factory.mktemp("images"), 5)


@pytest.mark.slow
def test_a_checkpoint_embeds_as_the_engine_does(checkpoint, images):
    embedder = open_embedder(checkpoint, device="cpu", threads=1)
    expected = api.embed(from_values(load(checkpoint).values), checkpoint, images, threads=1)
    np.testing.assert_allclose(embedder.embed_files(images), expected, atol=1e-6)
    assert embedder.embed_files([]).shape == (0, embedder.dim)
    with pytest.raises(ValueError, match="images are uint8"):
        embedder.embed(np.zeros((1, 3, 64, 32), np.uint8))


@pytest.mark.slow
def test_a_batch_that_does_not_fit_into_memory_is_halved(checkpoint, images, monkeypatch):
    embedder = open_embedder(checkpoint, device="cpu", threads=1)
    expected, own = embedder.embed_files(images), CheckpointEmbedder._embed

    def scarce(self, pixels):
        if len(pixels) > 2:
            raise MemoryError
        return own(self, pixels)

    monkeypatch.setattr(CheckpointEmbedder, "_embed", scarce)
    np.testing.assert_allclose(embedder.embed_files(images), expected, atol=1e-6)
    assert embedder.batch == 2


@pytest.mark.slow
def test_an_onnx_file_ranks_the_test_split_as_the_model_does(exported, checkpoint, images):
    assert exported.verified
    assert exported.agreement.images == 60
    assert exported.agreement.cosine_min > 0.99999
    assert exported.agreement.map_file == pytest.approx(exported.agreement.map_model, abs=1e-3)
    model, file = (open_embedder(path, device="cpu", threads=1) for path in (checkpoint, exported.path))
    np.testing.assert_allclose(file.embed_files(images), model.embed_files(images), atol=1e-5)
    assert file.name == model.name
    assert not list(exported.path.parent.glob(".*"))


@pytest.mark.slow
def test_the_card_lies_in_the_file_and_beside_it(exported, checkpoint):
    beside = json.loads(sidecar_of(exported.path).read_text())
    inside = {one.key: one.value for one in onnx.load(exported.path).metadata_props}[METADATA_KEY]
    assert beside["sha256"] == hashlib.sha256(exported.path.read_bytes()).hexdigest()
    assert json.loads(inside) == {**beside, "sha256": ""}
    card = ModelCard.model_validate(beside)
    assert card.weights == hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    assert card.metrics == {"mAP": 0.5}
    assert (card.protocol, card.licence, card.flip) == ("test", LicenceClass.COMMERCIAL_OK, True)
    assert card.recipe["MODEL.BACKBONE.NAME"] == "build_mobilenetv2_backbone"
    assert "DATALOADER.CACHE_DIR" not in card.recipe
    assert card.checks["cosine_min"] > 0.99999
    sidecar_of(exported.path).rename(exported.path.with_suffix(".away"))
    try:
        assert open_embedder(exported.path).card == card.model_copy(update={"sha256": ""})
    finally:
        exported.path.with_suffix(".away").rename(sidecar_of(exported.path))


@pytest.mark.slow
def test_the_card_tells_what_trained_the_model_and_what_wrote_the_file(checkpoint, tmp_path):
    elsewhere = replace(load(checkpoint), versions={"torch": "2.4.0", "python": "3.10.1"})
    old = save(elsewhere, tmp_path / "old.pt").path
    card = export_checkpoint(old, tmp_path / "model.onnx", Wanted(), threads=1).card
    assert card.trained_with == {"torch": "2.4.0", "python": "3.10.1"}
    assert card.versions["python"] == platform.python_version()
    lines = "\n".join(card_lines(card))
    assert "trained with python 3.10.1, torch 2.4.0\n" in lines
    assert f"exported with onnx {card.versions['onnx']}" in lines
    unknown = card.model_copy(update={"trained_with": {}})
    assert "trained with versions that are not known" in "\n".join(card_lines(unknown))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "name", "least"),
    [
        (Wanted(preprocess="outside", batch=3), "outside.onnx", 0.99999),
        (Wanted(precision="float16", flip=False), "half.onnx", 0.99),
        (Wanted("torchscript", preprocess="outside"), "model.ts", 0.99999),
        (Wanted("torch-export", flip=False), "model.pt2", 0.99999),
    ],
    ids=["outside, three at a time", "float16", "TorchScript", "torch.export"],
)
def test_other_forms_agree_on_images(checkpoint, tmp_path, images, wanted, name, least):
    made = export_checkpoint(checkpoint, tmp_path / name, wanted, threads=1)
    assert made.agreement.cosine_min > least
    flip = {} if wanted.flip is None else {"TEST.FLIP.ENABLED": wanted.flip}
    own = CheckpointEmbedder(checkpoint, device="cpu", threads=1, settings=flip).embed_files(images)
    rows = open_embedder(made.path, device="cpu", threads=1).embed_files(images)
    assert np.einsum("nd,nd->n", own, rows).min() > least


@pytest.mark.slow
@pytest.mark.parametrize(
    ("wanted", "sizes"),
    [
        (Wanted(batch=40, calibration=24), [40]),
        (Wanted(batch=16, calibration=24), [16, 16]),
        (Wanted(batch=8, calibration=24), [8, 8, 8]),
        (Wanted(calibration=24), [16, 8]),
        (Wanted(calibration=9), [9]),
    ],
    ids=["more at a time than there are", "not a whole number of batches", "whole", "open", "open, few"],
)
def test_every_chosen_image_calibrates_and_a_fixed_batch_is_filled_with_them_again(checkpoint, wanted, sizes):
    model = CheckpointEmbedder(checkpoint, device="cpu", threads=1)
    batches = list(write._calibration(model.config, model.card, wanted, 1))
    assert [len(batch) for batch in batches] == sizes
    rows = np.concatenate(batches).reshape(sum(sizes), -1)
    count = wanted.calibration
    assert len(np.unique(rows[:count], axis=0)) == count
    np.testing.assert_array_equal(rows[count:], rows[: len(rows) - count])


@pytest.mark.slow
def test_eight_bits_of_a_batch_larger_than_the_data_set(checkpoint, tmp_path):
    made = export_checkpoint(
        checkpoint, tmp_path / "m.onnx", Wanted(precision="int8", batch=40, calibration=16), threads=1
    )
    assert made.verified


@pytest.mark.slow
def test_eight_bits_without_a_training_image_are_refused(checkpoint, tmp_path, monkeypatch):
    nothing = SimpleNamespace(train=SimpleNamespace(images=ImageArray(np.empty((0, 64, 32, 3)), np.empty(0, int))))
    monkeypatch.setattr(write, "task_of", lambda _: SimpleNamespace(open=lambda *_, **__: nothing))
    with pytest.raises(DataError, match="no training image to calibrate") as caught:
        export_checkpoint(checkpoint, tmp_path / "m.onnx", Wanted(precision="int8"), threads=1)
    assert "--data" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_eight_bits_are_calibrated_and_their_loss_is_told(checkpoint, tmp_path):
    made = export_checkpoint(checkpoint, tmp_path / "m.onnx", Wanted(precision="int8", calibration=32), threads=1)
    kinds = {node.op_type for node in onnx.load(made.path).graph.node}
    assert "QuantizeLinear" in kinds
    assert made.verified
    assert made.agreement.map_drop is not None
    assert made.agreement.cosine_mean > 0.5  # of weights at random
    assert made.card.name.endswith("-int8")


@pytest.mark.slow
def test_a_file_that_says_something_else_is_not_written(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "compare", lambda own, other, _: compare(own, np.roll(other, 1, axis=1), 2))
    with pytest.raises(ReidTuneError, match="does not give the model's embeddings"):
        export_checkpoint(checkpoint, tmp_path / "model.onnx", Wanted(), threads=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_other_tools_get_the_lines_with_the_files_own_shapes(exported, tmp_path, monkeypatch):
    trt, ovc = (step.line for step in exported.steps)
    assert "--minShapes=images:1x3x64x32" in trt
    assert "images[?,3,64,32]" in ovc
    guide = exported.path.with_name("model.onnx.md").read_text()
    assert "trtexec --onnx=model.onnx" in guide
    assert "uint8 RGB" in guide
    tool = tmp_path / "trtexec"
    tool.write_text('#!/bin/sh\nfor a in "$@"; do case $a in --saveEngine=*) : > "${a#--saveEngine=}";; esac; done\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    plan = tmp_path / "x.plan"
    chosen = steps(tmp_path / "x.onnx", exported.card)
    assert build(chosen) == (plan,)
    assert plan.exists()
    with pytest.raises(ReidTuneError, match="could not be built"):
        build([Step("Broken", ("false",), plan)])


@pytest.mark.slow
def test_a_foreign_onnx_file_has_a_card_of_what_its_shapes_say(exported, tmp_path, images):
    model = onnx.load(exported.path)
    del model.metadata_props[:]
    path = tmp_path / "foreign.onnx"
    onnx.save(model, path)
    found = open_embedder(path, device="cpu", threads=1)
    assert (found.size, found.dim, found.card.licence) == ((64, 32), found.dim, LicenceClass.UNKNOWN)
    own = open_embedder(exported.path, device="cpu", threads=1).embed_files(images)
    np.testing.assert_allclose(found.embed_files(images), own, atol=1e-6)


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(NotFound, match="there is no model"):
        open_embedder(tmp_path / "no.onnx")
    for name in ("torn.onnx", "torn.ts", "torn.pt2", "torn.pt"):
        (tmp_path / name).write_text("nothing")
        with pytest.raises(CheckpointError, match=name.replace(".", r"\.")):
            open_embedder(tmp_path / name)


def test_the_narrowest_licence_counts():
    free, mine, research = (Origin(kind.value, kind, "") for kind in reversed(LicenceClass))
    assert licence_of([]).licence is LicenceClass.UNKNOWN
    assert licence_of([free]).licence is LicenceClass.COMMERCIAL_OK
    assert licence_of([free, mine]).licence is LicenceClass.UNKNOWN
    assert licence_of([mine, research, free]).licence is LicenceClass.RESEARCH_ONLY
