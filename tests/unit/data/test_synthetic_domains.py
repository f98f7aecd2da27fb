"""Domains of the built-in data, and queries that show a part: named, apart from each other, and seeded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from reid_core.config import from_values
from reid_core.data.pipeline import load_datasets
from reid_core.data.sources import Interpolation
from reid_core.data.synthetic.domain import domain_number
from reid_core.data.synthetic.images import SyntheticParameters, synthetic_dataset
from reid_core.errors import DataError

SMALL = SyntheticParameters(identities=6, test_identities=4, cameras=2, images=2, seed=5)
SIZE = (128, 64)


def config_of(names, tests):
    return from_values(
        {
            "DATASETS.NAMES": names,
            "DATASETS.TESTS": tests,
            "DATASETS.SYNTHETIC.IDENTITIES": 6,
            "DATASETS.SYNTHETIC.TEST_IDENTITIES": 4,
            "DATASETS.SYNTHETIC.CAMERAS": 2,
            "DATASETS.SYNTHETIC.IMAGES": 2,
        }
    )


def pixels(parameters, path):
    return synthetic_dataset(parameters).source.decode(path, SIZE, Interpolation.BILINEAR)


def test_names_are_one_letter():
    names = ["synthetic-a", "synthetic-c", "synthetic-z", "synthetic", "synthetic-", "synthetic-A", "synthetic-ab"]
    assert [domain_number(name) for name in names] == [1, 3, 26, 0, 0, 0, 0]


def test_the_plain_set_is_what_it_was_before_there_were_domains():
    assert synthetic_dataset(SyntheticParameters()).fingerprint == (
        "6a432fd69df38c64bf5644ab2da872482bf8174709b29b59325ff47aef203917"
    )


def test_domains_show_other_people_in_other_colours():
    path = synthetic_dataset(SMALL).train[0].path
    images = [pixels(replace(SMALL, domain=number), path) for number in range(4)]
    assert np.array_equal(images[2], pixels(replace(SMALL, domain=2), path))
    prints = {synthetic_dataset(replace(SMALL, domain=number)).fingerprint for number in range(4)}
    assert len(prints) == 4
    for number, one in enumerate(images):
        for other in images[number + 1 :]:
            assert np.abs(one.mean(axis=(0, 1)) - other.mean(axis=(0, 1))).max() > 10


def test_two_domains_are_trained_on_and_a_third_is_tested():
    sets = load_datasets(config_of(["synthetic-a", "synthetic-b"], ["synthetic-c"]))
    assert sets.train.members == ("synthetic-a", "synthetic-b")
    assert len(sets.train.train) == 2 * 6 * 2 * 2
    assert {record.pid.split("/")[0] for record in sets.train.train} == {"synthetic-a", "synthetic-b"}
    assert sets.train.cameras == 4
    assert list(sets.tests) == ["synthetic-c"]
    assert not sets.seen


def test_tests_stand_in_the_order_of_their_key():
    sets = load_datasets(config_of(["synthetic-a", "synthetic-b"], ["synthetic-c", "synthetic-b", "synthetic-a"]))
    assert list(sets.tests) == ["synthetic-c", "synthetic-b", "synthetic-a"]
    assert sets.train.members == ("synthetic-a", "synthetic-b")


def test_one_domain_alone_is_not_the_plain_set():
    plain, alone = (
        load_datasets(config_of(["Market1501"], ["Market1501"])),
        load_datasets(config_of(["synthetic-c"], ["synthetic-c"])),
    )
    assert list(alone.tests) == [""]
    assert plain.fingerprint != alone.fingerprint
    joined = load_datasets(config_of(["synthetic-a"], ["synthetic-c"])).tests["synthetic-c"]
    path = alone.train.query[0].path
    drawn = [
        dataset.source.decode(prefix + path, SIZE, Interpolation.BILINEAR)
        for dataset, prefix in ((alone.train, ""), (joined, "synthetic-c/"))
    ]
    assert np.array_equal(*drawn)


@pytest.mark.parametrize("names", [["synthetic-a", "Market1501"], ["synthetic-a", "synthetic-B"]])
def test_domains_do_not_mix_with_other_names(names):
    with pytest.raises(DataError, match="is no domain of the built-in data"):
        load_datasets(config_of(names, ["synthetic-c"]))


def test_partial_queries_are_parts_of_the_whole_shots():
    whole, partial = synthetic_dataset(SMALL), synthetic_dataset(replace(SMALL, partial=True))
    assert whole.gallery == partial.gallery
    assert whole.train == partial.train
    assert whole.fingerprint != partial.fingerprint
    assert [(one.pid, one.camid) for one in partial.query] == [(one.pid, one.camid) for one in whole.query]
    assert not {one.path for one in partial.query} & {one.path for one in partial.gallery}
    for one, other in zip(partial.query, whole.query, strict=True):
        part = partial.source.decode(one.path, SIZE, Interpolation.BILINEAR)
        assert np.array_equal(part, partial.source.decode(one.path, SIZE, Interpolation.BILINEAR))
        assert not np.array_equal(part, partial.source.decode(other.path, SIZE, Interpolation.BILINEAR))
