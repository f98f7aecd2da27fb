"""Training images a second from the cache, in P x K batches, augmented."""

from __future__ import annotations

from pathlib import Path

from perf_rows import Row, Run, Sample, at_least, benchmark, seconds

_SIZE = (256, 128)
_BATCH = 64


@benchmark(Row("images from the cache, augmented, per core", "images/s", at_least(5_000), "plain Pillow + numpy"))
def images(run: Run) -> Sample:
    """One epoch of P x K batches in this thread: take, flip, pad and crop, erase, planes. The peer reads the files."""
    import random

    import numpy as np
    import torch
    from plain_loading import plain_batch

    from reid_core import api
    from reid_core.config import load_config
    from reid_core.data.augmentation import train_transform
    from reid_core.data.loader import TrainBatches
    from reid_core.data.pipeline import open_split

    torch.set_num_threads(1)
    people, shots = run.size(64, 16), run.size(16, 8)
    root = _folder_of_images(run.folder / "data", people, shots)
    config = load_config("bnneck", {"DATASETS.ROOT": str(root), "SOLVER.IMS_PER_BATCH": _BATCH}).config
    data = open_split(config, api.Protocol.TEST)
    part = data.train
    batches = TrainBatches(
        part.images, part.labels, part.camids, data.sampler, train_transform(config, 0, part.images), seed=0
    )
    paths = [root / record.path for record in part.records]
    count = batches.batches_per_epoch * _BATCH

    def cached(epoch: int) -> None:
        for _ in batches.epoch(epoch):
            pass

    draw, order = random.Random(0), np.random.default_rng(0)

    def plain() -> None:
        for _ in range(run.size(4, 2)):
            plain_batch([paths[index] for index in order.integers(len(paths), size=_BATCH)], _SIZE, draw)

    cached(1)
    values, peers = [], []
    for epoch in range(2, run.size(9, 5)):
        values.append(count / seconds(lambda now=epoch: cached(now)))  # type: ignore[misc]
        peers.append(run.size(4, 2) * _BATCH / seconds(plain))
    return Sample(values, peers, f"256 x 128, {len(paths)} JPEG of 128 x 64, batches of 16 x 4")


def _folder_of_images(root: Path, people: int, shots: int) -> Path:
    """JPEG files of the size of Market-1501's, in its layout, drawn by the built-in data."""
    from PIL import Image

    from reid_core.data.sources import Interpolation
    from reid_core.data.synthetic.images import SyntheticParameters, synthetic_dataset

    made = synthetic_dataset(SyntheticParameters(identities=people, test_identities=2, cameras=4, images=shots // 4))
    for folder, records in (
        ("bounding_box_train", made.train),
        ("query", made.query),
        ("bounding_box_test", made.gallery),
    ):
        (root / folder).mkdir(parents=True)
        for number, record in enumerate(records):
            pixels = made.source.decode(record.path, (128, 64), Interpolation.BILINEAR)
            name = f"{int(record.pid):04d}_c{record.camid}s1_{number:06d}_00.jpg"
            Image.fromarray(pixels).save(root / folder / name, quality=90)
    return root
