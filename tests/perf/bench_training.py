"""One training step of ResNet-18 against a plain implementation of FastReID's, in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perf_rows import Row, Run, Sample, at_least_times, benchmark, not_yet, seconds

if TYPE_CHECKING:
    from reid_core.data.loader import Batch, TrainBatches
    from reid_core.engine.trainer import Trainer

_PEER = "FastReID's model and losses in plain PyTorch"
_PEOPLE = 751

not_yet(Row("training on several GPUs (DDP)", "images/s"), "issue 4; no budget in DESIGN")


@benchmark(Row("training step, ResNet-18, 256 x 128, batch 32", "images/s", at_least_times(1.1), _PEER))
def step(run: Run) -> Sample:
    """Steps in turn from the same weights on the same batch, one thread; first the losses are checked to agree."""
    import torch
    from plain_training import PlainBaseline, PlainTraining

    torch.set_num_threads(1)
    count, size = 32, run.size((256, 128), (64, 32))
    trainer, batch = _trainer(size), _batch(count, size)
    peer_model = PlainBaseline(_PEOPLE)
    peer_model.load_state_dict(trainer.model.state_dict())
    peer = PlainTraining(peer_model)
    images = batch.images.float()
    trainer.model.train()
    ours, theirs = trainer.step(batch), peer.step(images, batch.labels)
    for name in ("loss_cls", "loss_triplet"):
        if abs(ours[name] - theirs[name]) > 1e-3 * abs(theirs[name]):
            raise RuntimeError(f"{name} is {ours[name]:g} here and {theirs[name]:g} in the plain implementation")
    values, peers = [], []
    for _ in range(run.size(7, 3)):
        values.append(count / seconds(lambda: trainer.step(batch)))
        peers.append(count / seconds(lambda: peer.step(images, batch.labels)))
    return Sample(values, peers, f"one thread, steps in turn, equal losses ({ours['loss']:.3f})")


def _trainer(size: tuple[int, int]) -> Trainer:
    from reid_core.config import load_config
    from reid_core.engine.compute import Compute
    from reid_core.engine.trainer import Trainer

    settings = {"MODEL.BACKBONE.DEPTH": "18x", "MODEL.BACKBONE.FEAT_DIM": 512, "MODEL.DEVICE": "cpu"}
    sizes = {"INPUT.SIZE_TRAIN": list(size), "INPUT.SIZE_TEST": list(size), "SOLVER.IMS_PER_BATCH": 32}
    config = load_config("bnneck", {**settings, **sizes}).config
    return Trainer(config, _no_batches(), _PEOPLE, Compute.of(config), seed=0, files=())


def _no_batches() -> TrainBatches:
    """The step is given its batch: nothing is loaded."""
    import numpy as np

    from reid_core.data.images import ImageArray
    from reid_core.data.loader import TrainBatches
    from reid_core.data.samplers import TrainingSampler
    from reid_core.data.transforms import Augmentation, TrainTransform

    images = ImageArray(np.zeros((32, 1, 1, 3), dtype=np.uint8), np.arange(32))
    labels = np.zeros(32, dtype=np.int64)
    return TrainBatches(images, labels, labels, TrainingSampler(32, 32), TrainTransform(Augmentation(), 0), seed=0)


def _batch(count: int, size: tuple[int, int]) -> Batch:
    import torch

    from reid_core.data.loader import Batch

    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, *size), generator=draw, dtype=torch.uint8)
    labels = torch.arange(count // 4).repeat_interleave(4)
    return Batch(images, labels, torch.zeros_like(labels), torch.arange(count))
