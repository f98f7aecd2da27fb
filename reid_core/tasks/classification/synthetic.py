"""The built-in data as classes: every training person is one, tested on further shots of them."""

from __future__ import annotations

import hashlib

from reid_core.data.records import Dataset, ImageRecord, Layout
from reid_core.data.synthetic.images import SyntheticParameters, SyntheticSource, synthetic_dataset

__all__ = ["synthetic_classes"]


def synthetic_classes(parameters: SyntheticParameters) -> Dataset:
    """The training images of the built-in data; half as many further shots in each camera, at least one, to test on.

    Nothing is drawn here: an image is a function of the parameters and its name. `test_identities` are not used.
    """
    built = synthetic_dataset(parameters)
    shots = range(parameters.images, parameters.images + max(1, parameters.images // 2))
    test = tuple(
        ImageRecord(f"test/{identity:05d}_c{camera:02d}_{shot:04d}", str(identity), camera)
        for identity in range(1, parameters.identities + 1)
        for camera in range(1, parameters.cameras + 1)
        for shot in shots
    )
    return Dataset(
        layout=Layout.SYNTHETIC,
        train=built.train,
        query=(),
        gallery=test,
        fingerprint=hashlib.sha256(f"classes\0{built.fingerprint}".encode()).hexdigest(),
        source=SyntheticSource(parameters),
    )
