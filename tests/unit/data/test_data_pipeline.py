"""From a configuration to what is trained on and measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from reid_core.api import Protocol
from reid_core.config import Config
from reid_core.data.augmentation import train_transform
from reid_core.data.images import ImageArray
from reid_core.data.pipeline import (
    load_datasets,
    open_evaluations,
    open_split,
    summary,
)
from reid_core.data.records import Layout
from reid_core.data.samplers import BalancedIdentitySampler, NaiveIdentitySampler, TrainingSampler
from reid_core.data.sampling import train_sampler
from reid_core.data.sources import Interpolation
from reid_core.errors import DataError


def _config(root: object, cache: Path, *, size=(16, 8), test=None, sampler="BalancedIdentitySampler", **datasets):
    config = Config()
    parts = {
        "datasets": config.datasets.model_copy(update={"root": str(root), "val_fraction": 0.34, **datasets}),
        "dataloader": config.dataloader.model_copy(
            update={"sampler_train": sampler, "num_instance": 2, "cache_dir": str(cache)}
        ),
        "input": config.input.model_copy(update={"size_train": size, "size_test": test or size}),
        "solver": config.solver.model_copy(update={"ims_per_batch": 8}),
    }
    return config.model_copy(update=parts)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def test_validation_trains_without_the_held_out_identities(market, cache):
    split = open_split(_config(market, cache), Protocol.VALIDATION)
    trained = {record.pid for record in split.train.records}
    measured = {record.pid for record in split.evaluation.gallery.records}
    assert len(trained) == split.num_classes == 4
    assert len(measured) == 2
    assert not trained & measured
    assert sorted(set(split.train.labels.tolist())) == [0, 1, 2, 3]
    assert all(record.path.startswith("bounding_box_train") for record in split.evaluation.query.records)
    assert split.evaluation.sentence == (
        "8 queries x 8 gallery of 2 identities held out of train; same-camera matches are dropped"
    )


def test_test_trains_on_everybody_and_measures_query_and_gallery(market, cache):
    split = open_split(_config(market, cache), Protocol.TEST)
    dataset = load_datasets(_config(market, cache)).train
    assert split.num_classes == 6
    assert split.evaluation.query.records == dataset.query
    assert split.evaluation.gallery.records == dataset.gallery
    assert split.evaluation.query_in_gallery is None
    assert split.split_fingerprint == split.dataset_fingerprint
    assert "of the test split" in split.evaluation.sentence


@pytest.mark.parametrize("test", [None, (24, 12)])
@pytest.mark.parametrize("protocol", Protocol)
def test_records_labels_cameras_and_pixels_belong_together(market, cache, protocol, test):
    config = _config(market, cache, test=test)
    split = open_split(config, protocol)
    source = load_datasets(config).train.source
    sizes = {"train": config.input.size_train, "query": config.input.size_test, "gallery": config.input.size_test}
    for name, part in (
        ("train", split.train),
        ("query", split.evaluation.query),
        ("gallery", split.evaluation.gallery),
    ):
        assert part.images.size == sizes[name]
        pixels = part.images.take(np.arange(len(part.records)))
        for index, record in enumerate(part.records):
            assert np.array_equal(pixels[index], source.decode(record.path, sizes[name], "bilinear"))
            assert part.camids[index] == record.camid
    names = {
        (label, record.pid)
        for part in (split.evaluation.query, split.evaluation.gallery)
        for label, record in zip(part.labels.tolist(), part.records, strict=True)
    }
    assert len(names) == 2


def test_validation_queries_are_found_in_the_gallery(market, cache):
    (evaluation,) = open_evaluations(_config(market, cache), Protocol.VALIDATION)
    places = evaluation.query_in_gallery
    assert places is not None
    assert [evaluation.gallery.records[place] for place in places] == list(evaluation.query.records)


def test_without_cameras_only_the_query_itself_shares_its_camera(market, cache):
    (evaluation,) = open_evaluations(_config(market, cache, no_cameras=True), Protocol.VALIDATION)
    same = evaluation.query.camids[:, None] == evaluation.gallery.camids[None, :]
    paths = [[query.path == image.path for image in evaluation.gallery.records] for query in evaluation.query.records]
    assert np.array_equal(same, paths)
    assert evaluation.sentence.endswith("the query itself is dropped")


def test_equal_sizes_share_one_cached_array_and_evaluation_alone_decodes_no_training_image(market, cache):
    open_split(_config(market, cache), Protocol.VALIDATION)
    assert len(list((cache / "images").glob("*.npy"))) == 1
    open_evaluations(_config(market, cache, size=(32, 16)), Protocol.TEST)
    arrays = sorted(np.load(path, mmap_mode="r").shape[0] for path in (cache / "images").glob("*.npy"))
    assert arrays == [8, 24]


def test_summary_counts_without_decoding(market, cache):
    config = _config(market, cache)
    counted = summary(config)
    assert counted.sentence() == (
        "24 images of 6 identities in 2 cameras (market1501); validation 8 queries x 8 gallery of 2 identities"
    )
    assert (counted.query_images, counted.gallery_images, counted.cameras) == (4, 4, 2)
    assert not cache.exists()
    split = open_split(config, Protocol.VALIDATION)
    assert split.split_fingerprint == counted.split_fingerprint
    assert split.dataset_fingerprint == counted.fingerprint


def test_the_validation_seed_changes_its_fingerprint_and_not_the_data_sets(market, cache):
    first, other = (summary(_config(market, cache, val_seed=seed)) for seed in (0, 3))
    assert first.fingerprint == other.fingerprint
    assert first.split_fingerprint != other.split_fingerprint


def test_a_corrupt_image_stops_or_is_left_out(market, cache):
    (market / "bounding_box_train" / "0001_c1s1_1.png").write_bytes(b"broken")
    with pytest.raises(DataError, match=r"bounding_box_train/0001_c1s1_1.png: error\[corrupt-image\]"):
        open_split(_config(market, cache), Protocol.TEST)
    split = open_split(_config(market, cache, corrupt="skip"), Protocol.TEST)
    assert len(split.train.records) == len(split.train.images) == 23
    assert split.warnings == ("1 images do not decode and are left out: bounding_box_train/0001_c1s1_1.png",)


def test_too_few_decodable_identities_and_matches_are_refused(market, cache):
    for path in (market / "bounding_box_test").iterdir():
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="of the images of the test split that decode, no query has a match"):
        open_split(_config(market, cache, corrupt="skip"), Protocol.TEST)
    for path in (market / "bounding_box_train").glob("000[2-6]*"):
        path.write_bytes(b"broken")
    with pytest.raises(DataError, match="the training images that decode show fewer than two identities"):
        open_split(_config(market, cache, corrupt="skip"), Protocol.TEST)


def test_samplers_are_chosen_by_fastreids_names(cache):
    labels, camids = np.repeat(np.arange(6), 4), np.zeros(24, dtype=np.int64)
    for kind in (TrainingSampler, NaiveIdentitySampler, BalancedIdentitySampler):
        sampler = train_sampler(_config("synthetic", cache, sampler=kind.__name__), labels, camids)
        assert type(sampler) is kind
        assert sampler.batches_per_epoch == 3
    with pytest.raises(ValueError, match="there is no sampler Other"):
        train_sampler(_config("synthetic", cache, sampler="Other"), labels, camids)


def test_a_batch_that_must_repeat_identities_is_a_warning(market, cache):
    config = _config(market, cache)
    wide = config.model_copy(update={"solver": config.solver.model_copy(update={"ims_per_batch": 64})})
    warning = "a batch asks for 32 identities (SOLVER.IMS_PER_BATCH / DATALOADER.NUM_INSTANCE) and 4 are trained on"
    assert summary(wide).warnings == (f"{warning}: identities repeat within a batch",)
    assert open_split(wide, Protocol.VALIDATION).warnings == summary(wide).warnings
    assert summary(config).warnings == ()


def test_weights_of_sets_that_the_sampler_does_not_read_are_named(cache):
    config = _config("synthetic", cache, sampler="TrainingSampler")
    loader = config.dataloader.model_copy(update={"set_weight": (1.0, 2.0)})
    weighted = config.model_copy(update={"dataloader": loader})
    assert summary(weighted).warnings == ("DATALOADER.SET_WEIGHT changes nothing: TrainingSampler does not read it",)


def test_augmentation_follows_the_switches(cache):
    config = _config("synthetic", cache)
    images = np.random.default_rng(0).integers(0, 256, (32, 16, 8, 3), dtype=np.uint8)
    samples = np.arange(32)

    def changed(**switches: object) -> bool:
        inputs = config.input
        for name, update in switches.items():
            section = getattr(inputs, name).model_copy(update=update)
            inputs = inputs.model_copy(update={name: section})
        transform = train_transform(config.model_copy(update={"input": inputs}), 0, ImageArray(images, samples))
        result = transform(images, 0, samples, np.zeros_like(samples))
        return not np.array_equal(result, images.transpose(0, 3, 1, 2))

    assert not changed()
    assert changed(flip={"enabled": True, "prob": 0.5})
    assert not changed(flip={"enabled": True, "prob": 0.0})
    assert changed(padding={"enabled": True, "size": 3})
    for part in ("rea", "rpt", "grey_patch", "cutout", "autoaug", "augmix", "cj"):
        assert changed(**{part: {"enabled": True, "prob": 1.0}}), part
        assert not changed(**{part: {"enabled": True, "prob": 0.0}}), part
    assert changed(crop={"enabled": True})
    assert changed(affine={"enabled": True})


def test_images_are_resized_as_the_configuration_says(tmp_path, cache):
    from PIL import Image

    from reid_core.data.sources import fit

    noise = np.random.default_rng(0).integers(0, 256, (40, 20, 3), dtype=np.uint8)
    for name in ("0001_c1", "0001_c2", "0002_c1", "0002_c2", "0003_c1", "0003_c2"):
        for folder in ("bounding_box_train", "query", "bounding_box_test"):
            (tmp_path / folder).mkdir(exist_ok=True)
            Image.fromarray(noise).save(tmp_path / folder / f"{name}.png")
    for way in Interpolation:
        config = _config(tmp_path, cache)
        config = config.model_copy(update={"input": config.input.model_copy(update={"interpolation": way.value})})
        gallery = open_evaluations(config, Protocol.TEST)[0].gallery
        assert np.array_equal(gallery.images.take(np.array([0]))[0], fit(Image.fromarray(noise), (16, 8), way))


def test_synthetic_data_need_no_folder(cache):
    config = _config("synthetic", cache)
    assert load_datasets(config).train.layout is Layout.SYNTHETIC
    assert summary(config).layout == "synthetic"
    assert load_datasets(_config("elsewhere", cache, layout="synthetic")).train.layout is Layout.SYNTHETIC


@pytest.mark.slow
def test_describing_data_loads_no_torch():
    code = (
        "import sys; from reid_core.config import Config; from reid_core.data.pipeline import summary; "
        "print(summary(Config()).sentence()); assert 'torch' not in sys.modules"
    )
    assert (
        "images of" in subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )
