"""Names become folders, and several data sets one to train on and several to test on."""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest
import true_layouts

from reid_core.api import Protocol
from reid_core.config import from_values
from reid_core.data.checks import Use
from reid_core.data.pipeline import load_datasets, open_evaluations, open_split, summary
from reid_core.data.places import KNOWN, Place, find_places
from reid_core.data.records import NO_CAMERA, Layout, identities_of
from reid_core.data.samplers import TrainingSampler
from reid_core.errors import ConfigError, DataError

DEFAULT = ["Market1501"]


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    root = tmp_path_factory.mktemp("original")
    for name, make in true_layouts.MAKERS.items():
        make(root / name)
    return root


@pytest.fixture
def folder(tmp_path, original):
    """FastReID's folder of data sets; files are links: replace them, never write into them."""
    return shutil.copytree(original, tmp_path / "all", copy_function=os.link)


@pytest.fixture
def config(tmp_path, folder):
    """A configuration for `folder` and keys that differ."""

    def of(**changed):
        return from_values(
            {
                "DATASETS.ROOT": str(folder),
                "DATASETS.VAL_FRACTION": 0.3,
                "DATALOADER.CACHE_DIR": str(tmp_path / "cache"),
                "INPUT.SIZE_TRAIN": [32, 16],
                "INPUT.SIZE_TEST": [32, 16],
                "SOLVER.IMS_PER_BATCH": 8,
                **{key.replace("__", "."): value for key, value in changed.items()},
            }
        )

    return of


def cross(**more):
    return {"DATASETS__NAMES": ["Market1501", "VeRi"], "DATASETS__TESTS": ["DukeMTMC", "PartialREID"], **more}


@pytest.mark.parametrize("name", [name for name in KNOWN if name != "CUHK03Detected"])
def test_every_name_of_fastreid_is_found_below_the_root(folder, name):
    (trained, tested) = find_places(folder, None, ["VeRi" if name != "VeRi" else "DukeMTMC"], [name])
    assert trained.use is Use.TRAIN
    assert tested == Place(name, tested.root, KNOWN[name].layout, Use.TEST)
    assert tested.root.parent == folder
    assert tested.root.name in true_layouts.MAKERS


def test_a_folder_that_is_a_data_set_stays_one_whatever_the_default_names(tmp_path):
    market = true_layouts.market1501(tmp_path)
    assert find_places(market, None, DEFAULT, DEFAULT) == (Place("", market, Layout.MARKET1501, Use.BOTH),)
    cows = true_layouts.images(tmp_path / "cows", ["a/c1.jpg", "b/c2.jpg"])
    assert find_places(cows, None, DEFAULT, DEFAULT) == (Place("", cows, None, Use.BOTH),)
    assert find_places(cows, Layout.FOLDERS, DEFAULT, DEFAULT) == (Place("", cows, Layout.FOLDERS, Use.BOTH),)


def test_one_name_below_a_folder_of_data_sets_is_one_data_set(folder):
    home = folder / "Market-1501-v15.09.15"
    assert find_places(folder, None, DEFAULT, DEFAULT) == (Place("", home, Layout.MARKET1501, Use.BOTH),)
    (duke,) = find_places(folder, None, ["DukeMTMC"], ["DukeMTMC"])
    assert (duke.name, duke.root) == ("", folder / "DukeMTMC-reID")


def test_a_name_that_is_not_looked_for_is_a_warning(folder, config):
    market = folder / "Market-1501-v15.09.15"
    counted = summary(config(DATASETS__ROOT=str(market), DATASETS__NAMES=["VeRi"], DATASETS__TESTS=["VeRi"]))
    assert counted.layout == "market1501"
    assert counted.warnings[0].startswith("VeRi (DATASETS.NAMES, DATASETS.TESTS) is not looked for")
    assert summary(config(DATASETS__ROOT=str(market))).warnings == ()


def test_sizes_of_one_data_set_are_tests_of_it(folder):
    names, tests = ["VehicleID"], ["SmallVehicleID", "LargeVehicleID"]
    for root in (folder, folder / "vehicleid"):
        places = find_places(root, None, names, tests)
        assert {place.root for place in places} == {folder / "vehicleid"}
        assert [place.layout for place in places] == ["vehicleid", "vehicleid_small", "vehicleid_large"]
        assert [place.use for place in places] == [Use.TRAIN, Use.TEST, Use.TEST]


def test_market_in_the_root_itself_goes_with_other_names(folder, tmp_path):
    for part in ("bounding_box_train", "query", "bounding_box_test"):
        shutil.move(folder / "Market-1501-v15.09.15" / part, folder / part)
    (folder / "Market-1501-v15.09.15").rmdir()
    market, duke = find_places(folder, None, ["Market1501"], ["DukeMTMC"])
    assert (market.root, duke.root) == (folder, folder / "DukeMTMC-reID")


def test_a_name_may_say_where_it_lies(folder, tmp_path):
    places = find_places(folder, Layout.FOLDERS, ["cows=/barn/cows", "VeRi=veri"], ["cows"])
    assert [str(place.root) for place in places] == ["/barn/cows", str(folder / "veri")]
    assert [place.layout for place in places] == [Layout.FOLDERS, Layout.VERI776]
    assert [place.use for place in places] == [Use.BOTH, Use.TRAIN]


@pytest.mark.parametrize(
    ("names", "tests", "words"),
    [
        (["Market1501"], ["Elsewhere"], "no folder of the data set Elsewhere"),
        (["Market1501", "MSMT17"], ["CUHK03"], "no folder of the data set MSMT17 .*MSMT17_V1 or MSMT17_V2 or MSMT17"),
        (["a=/x", "a=/y"], ["a"], "a is said to lie in /x and in /y"),
        (["VeRi", "VeRi"], ["DukeMTMC"], "VeRi is named twice"),
        (["a" * 5000], ["DukeMTMC"], "no folder of the data set aaa"),
        (["a/b"], ["DukeMTMC"], "'a/b' does not name a data set"),
        (["=/x"], ["DukeMTMC"], "'=/x' does not name a data set"),
    ],
)
def test_names_that_lead_nowhere_are_errors(folder, names, tests, words):
    shutil.rmtree(folder / "MSMT17_V2")
    with pytest.raises(DataError, match=words):
        find_places(folder, None, names, tests)


def test_several_names_need_a_folder(config):
    with pytest.raises(DataError, match=r"synthetic: error\[missing-folder\].*DukeMTMC"):
        load_datasets(config(DATASETS__ROOT="synthetic", DATASETS__TESTS=["DukeMTMC"]))


def test_identities_and_cameras_of_two_sets_are_kept_apart(config):
    sets = load_datasets(config(**cross()))
    train = sets.train
    assert train.layout is Layout.JOINED
    assert len(identities_of(train.train)) == 6 + 4
    assert {record.pid.split("/")[0] for record in train.train} == {"Market1501", "VeRi"}
    by_set = {
        name: {record.camid for record in train.train if record.path.startswith(f"{name}/")} for name in train.members
    }
    assert by_set == {"Market1501": {1, 6}, "VeRi": {1 + 7, 20 + 7}}
    assert not {record.camid for record in sets.tests["DukeMTMC"].query} & by_set["VeRi"]
    assert list(sets.tests) == ["DukeMTMC", "PartialREID"]


def test_sizes_of_one_data_set_have_the_same_cameras(config):
    sets = load_datasets(config(DATASETS__NAMES=["VeRiWild"], DATASETS__TESTS=["SmallVeRiWild", "LargeVeRiWild"]))
    assert {record.camid for record in sets.train.train} == {7, 8, 9}
    assert {record.camid for test in sets.tests.values() for record in test.gallery} == {8, 9}


def test_unknown_cameras_stay_unknown_in_a_joined_set(config):
    sets = load_datasets(config(DATASETS__NAMES=["VeRi", "VehicleID"], DATASETS__TESTS=["VeRi"]))
    known = {record.camid == NO_CAMERA for record in sets.train.train if record.path.startswith("VehicleID/")}
    assert known == {True}
    split = open_split(config(DATASETS__NAMES=["VeRi", "VehicleID"], DATASETS__TESTS=["VeRi"]), Protocol.VALIDATION)
    unknown = split.train.camids[split.train.camids < 0]
    assert len(np.unique(unknown)) == len(unknown)
    assert NO_CAMERA not in unknown
    assert split.evaluation.sentence.endswith(
        "held out of train; same-camera matches are dropped (without a camera: the query itself)"
    )


def test_a_data_set_without_cameras_needs_no_word_about_it(config, folder):
    settings = config(DATASETS__ROOT=str(folder / "vehicleid"), DATASETS__VAL_FRACTION=0.5)
    with pytest.raises(DataError, match="too-few-identities"):
        open_split(settings, Protocol.VALIDATION)  # three vehicles are too few for two sides
    evaluation = open_split(settings, Protocol.TEST).evaluation
    assert evaluation.sentence == "8 queries x 4 gallery of 4 identities of the test split; the query itself is dropped"
    assert not set(evaluation.query.camids.tolist()) & set(evaluation.gallery.camids.tolist())


def test_training_on_two_sets_measures_each_test_by_name(config):
    split = open_split(config(**cross()), Protocol.TEST)
    assert split.num_classes == 10
    assert [evaluation.name for evaluation in split.evaluations] == ["DukeMTMC", "PartialREID"]
    duke, partial = split.evaluations
    assert duke.sentence == (
        "4 queries x 4 gallery of 2 identities of the test split of DukeMTMC; same-camera matches are dropped"
    )
    assert duke is split.evaluation
    assert len(partial.gallery.records) == 4
    assert duke.query.records[0].path.startswith("DukeMTMC/query/")
    assert duke.query.camids.tolist() == [record.camid for record in duke.query.records]
    assert {camid - duke.first_camera for camid in duke.query.camids.tolist()} == {1, 8}
    alone = open_evaluations(config(**cross()), Protocol.TEST)
    assert [evaluation.sentence for evaluation in alone] == [one.sentence for one in split.evaluations]


def test_pixels_of_two_roots_are_those_of_their_files(config):
    settings = config(**cross())
    split, source = open_split(settings, Protocol.TEST), load_datasets(settings).train.source
    pixels = split.train.images.take(np.arange(len(split.train.records)))
    for index, record in enumerate(split.train.records):
        assert np.array_equal(pixels[index], source.decode(record.path, (32, 16), "bilinear"))
    assert {record.path.split("/")[0] for record in split.train.records} == {"Market1501", "VeRi"}


def test_the_validation_split_is_cut_from_all_training_sets(config):
    settings = config(**cross())
    split = open_split(settings, Protocol.VALIDATION)
    held = {record.pid for record in split.evaluation.gallery.records}
    assert len(split.evaluations) == 1
    assert len(held) == 3
    assert not held & {record.pid for record in split.train.records}
    assert held <= set(identities_of(load_datasets(settings).train.train))
    assert summary(settings).split_fingerprint == split.split_fingerprint


def test_a_summary_tells_the_sets_apart(config):
    counted = summary(config(**cross()))
    assert counted.sentence().startswith(
        "32 images of 10 identities in 9 cameras (Market1501 + VeRi; tests on DukeMTMC, PartialREID); validation "
    )
    assert (counted.query_images, counted.gallery_images) == (8, 8)
    assert [(one.name, one.layout, one.trained, one.tested, one.train_images) for one in counted.sets] == [
        ("Market1501", "market1501", True, False, 24),
        ("VeRi", "veri776", True, False, 8),
        ("DukeMTMC", "market1501", False, True, 24),
        ("PartialREID", "partial_reid", False, True, 0),
    ]
    assert counted.ignored == {"junk (identity -1)": 1, "not an image": 1, "outside the two folders": 4}


@pytest.mark.parametrize("changed", ["Market-1501-v15.09.15/bounding_box_train/a", "DukeMTMC-reID/query/b"])
def test_the_fingerprint_covers_all_sets(config, folder, changed):
    before = summary(config(**cross()))
    true_layouts.images(folder, [f"{changed}/0099_c1_1.png"])
    after = summary(config(**cross()))
    assert after.fingerprint != before.fingerprint
    assert (after.split_fingerprint == before.split_fingerprint) == changed.startswith("Duke")
    other = summary(config(**cross(DATASETS__TESTS=["DukeMTMC"])))
    assert other.fingerprint != after.fingerprint


def test_a_corrupt_image_of_one_of_two_sets_is_named_with_its_set(config, folder):
    image = next((folder / "veri" / "image_train").iterdir())
    image.unlink()
    image.write_bytes(b"broken")
    with pytest.raises(DataError, match=r"VeRi/image_train/\w+.jpg: error\[corrupt-image\]"):
        open_split(config(**cross()), Protocol.TEST)
    split = open_split(config(**cross(DATASETS__CORRUPT="skip")), Protocol.TEST)
    assert len(split.train.records) == 31


@pytest.mark.slow
def test_combining_trains_on_query_and_gallery_under_the_test_protocol_only(config):
    names = {"DATASETS__NAMES": ["Market1501"], "DATASETS__TESTS": ["Market1501", "DukeMTMC"]}
    plain, all_ = (config(**names, DATASETS__COMBINEALL=value) for value in (False, True))
    split = open_split(all_, Protocol.TEST)
    assert split.num_classes == 6 + 2
    assert len(split.train.records) == 24 + 8  # without the distractor
    market, duke = split.evaluations
    assert "of the test split of Market1501, trained on too" in market.sentence
    assert "trained on" not in duke.sentence
    assert split.split_fingerprint != open_split(plain, Protocol.TEST).split_fingerprint
    one, other = (open_split(settings, Protocol.VALIDATION) for settings in (plain, all_))
    assert one.train.records == other.train.records
    assert one.evaluation.query.records == other.evaluation.query.records
    assert one.split_fingerprint == other.split_fingerprint


def test_combining_one_data_set_adds_its_validation_list(config, folder):
    one = {"DATASETS__ROOT": str(folder / "MSMT17_V2"), "DATASETS__COMBINEALL": True}
    split = open_split(config(**one), Protocol.TEST)
    assert split.num_classes == 3 + 2
    assert len(split.train.records) == 6 + 3 + 8
    assert "trained on too" in split.evaluation.sentence


def reweighted(**more):
    return {
        **cross(),
        "DATALOADER__SAMPLER_TRAIN": "SetReWeightSampler",
        "DATALOADER__NUM_INSTANCE": 2,
        "DATALOADER__SET_WEIGHT": [3.0, 1.0],
        **more,
    }


def test_sets_share_batches_by_their_weights(config):
    split = open_split(config(**reweighted()), Protocol.TEST)
    for batch in split.sampler.epoch_batches(0, 0):
        names = [split.train.records[index].path.split("/")[0] for index in batch.tolist()]
        assert (names.count("Market1501"), names.count("VeRi")) == (6, 2)


def test_weights_must_be_those_of_the_sets(config, folder):
    with pytest.raises(ConfigError, match=r"SET_WEIGHT is \[3.0\]; SetReWeightSampler needs .* Market1501, VeRi"):
        config(**reweighted(DATALOADER__SET_WEIGHT=[3.0]))
    with pytest.raises(ConfigError, match="write 2 numbers"):
        config(**reweighted(DATALOADER__SET_WEIGHT=[3.0, 0.0]))
    same = reweighted(DATASETS__NAMES=["VehicleID"], DATASETS__TESTS=["VehicleID"], DATALOADER__SET_WEIGHT=[1.0])
    assert open_split(config(**same), Protocol.TEST).sampler.batches_per_epoch == 2


def test_one_data_set_where_two_have_weights_is_an_error(config, folder):
    sizes = {"DATASETS__NAMES": ["VehicleID", "SmallVehicleID"], "DATASETS__TESTS": ["VehicleID"]}
    settings = config(**reweighted(**sizes, DATASETS__ROOT=str(folder / "veri")))
    with pytest.raises(DataError, match=r"error\[set-weight\]: DATALOADER.SET_WEIGHT has 2 weights, and 1 data sets"):
        open_split(settings, Protocol.TEST)


@pytest.mark.slow
def test_the_plain_sampler_goes_through_joined_sets(config):
    split = open_split(config(**cross()), Protocol.TEST)
    assert isinstance(split.sampler, TrainingSampler)
    assert sorted(np.concatenate(split.sampler.epoch_batches(0, 0)).tolist()) == list(range(32))
