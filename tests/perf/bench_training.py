"""Training steps and embeddings of ResNets against a plain implementation of FastReID's, in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from perf_rows import Row, Run, Sample, at_least_times, benchmark, seconds

if TYPE_CHECKING:
    from reid_core.data.loader import Batch, TrainBatches
    from reid_core.data.pipeline import SplitData
    from reid_core.engine.trainer import Trainer

_PEER = "FastReID's model and losses in plain PyTorch"
_PEOPLE = 751

_DEPTHS = (18, 34, 50)
_THREADS = (1, 2)
_WAYS = tuple((depth, threads) for depth in _DEPTHS for threads in _THREADS)


def _rows(what: str, times: float, peer: str) -> tuple[Row, ...]:
    return tuple(
        Row(f"{what}, ResNet-{depth}, {_counted(threads)}", "images/s", at_least_times(times), peer)
        for depth, threads in _WAYS
    )


def _counted(threads: int) -> str:
    return "1 thread" if threads == 1 else f"{threads} threads"


@benchmark(*_rows("training step, 256 x 128, batch 32", 1.1, _PEER), timeout=1800.0)
def step(run: Run) -> tuple[Sample, ...]:
    """Steps in turn from the same weights on the same batch; first the losses are checked to agree."""
    return tuple(_steps(run, depth, threads) for depth, threads in _WAYS)


def _steps(run: Run, depth: int, threads: int) -> Sample:
    import torch
    from plain_training import PlainBaseline, PlainTraining

    torch.set_num_threads(threads)
    count, size = run.size(32, 8), run.size((256, 128), (64, 32))
    trainer, batch = _trainer(size, depth), _batch(count, size)
    peer_model = PlainBaseline(_PEOPLE, depth)
    peer_model.load_state_dict(trainer.model.state_dict())
    peer = PlainTraining(peer_model)
    images = batch.images.float()
    trainer.model.train()
    ours, theirs = trainer.step(batch), peer.step(images, batch.labels)
    for name in ("loss_cls", "loss_triplet"):
        if abs(ours[name] - theirs[name]) > 1e-3 * abs(theirs[name]):
            raise RuntimeError(f"{name} is {ours[name]:g} here and {theirs[name]:g} in the plain implementation")
    values, peers = [], []
    for _ in range(run.size(5, 3)):
        values.append(count / seconds(lambda: trainer.step(batch)))
        peers.append(count / seconds(lambda: peer.step(images, batch.labels)))
    return Sample(values, peers, f"steps in turn, equal losses ({ours['loss']:.3f})")


@benchmark(*_rows("embedding, 256 x 128, batch 32", 1.2, "FastReID's model in plain PyTorch"), timeout=1800.0)
def embed(run: Run) -> tuple[Sample, ...]:
    """Batches in turn through the same weights; first the embeddings are checked to agree."""
    return tuple(_embeddings(run, depth, threads) for depth, threads in _WAYS)


def _embeddings(run: Run, depth: int, threads: int) -> Sample:
    import numpy as np
    import torch
    from plain_training import PlainBaseline

    from reid_core.data.loader import EvalBatch
    from reid_core.engine.compute import Compute
    from reid_core.engine.embedding import embeddings

    torch.set_num_threads(threads)
    count, size = run.size(32, 8), run.size((256, 128), (64, 32))
    trainer, batch = _trainer(size, depth), EvalBatch(_batch(count, size).images)
    peer = PlainBaseline(_PEOPLE, depth).eval()
    peer.load_state_dict(trainer.model.state_dict())
    compute, images = Compute(torch.device("cpu")), batch.images.float()
    batches = [batch] * run.size(3, 1)  # as in a gallery, where what is prepared once serves many batches

    @torch.inference_mode()
    def plain() -> list[torch.Tensor]:
        return [peer.embed(images) for _ in batches]

    ours, theirs = embeddings(trainer.model, [batch], compute), plain()[0].numpy()
    if np.abs(ours - theirs).max() > 1e-5 * np.abs(theirs).max():
        raise RuntimeError("the embeddings are not those of the plain implementation")
    values, peers = [], []
    for _ in range(run.size(5, 3)):
        values.append(len(batches) * count / seconds(lambda: embeddings(trainer.model, batches, compute)))
        peers.append(len(batches) * count / seconds(plain))
    return Sample(values, peers, "in turn, equal embeddings")


def _trainer(size: tuple[int, int], depth: int) -> Trainer:
    from reid_core.config import load_config
    from reid_core.engine.compute import Compute
    from reid_core.engine.trainer import Trainer
    from reid_core.results import Protocol
    from reid_core.tasks.task import task_of

    width = 2048 if depth == 50 else 512
    settings = {"MODEL.BACKBONE.DEPTH": f"{depth}x", "MODEL.BACKBONE.FEAT_DIM": width, "MODEL.DEVICE": "cpu"}
    sizes = {"INPUT.SIZE_TRAIN": list(size), "INPUT.SIZE_TEST": list(size), "SOLVER.IMS_PER_BATCH": 32}
    config = load_config("bnneck", {**settings, **sizes}).config
    data, batches = _no_data()
    return Trainer(task_of(config), config, batches, Compute.of(config), data=data, protocol=Protocol.TEST, seed=0)


def _no_data() -> tuple[SplitData[Any], TrainBatches]:
    """The step is given its batch: nothing is loaded."""
    import numpy as np

    from reid_core.data.images import ImageArray
    from reid_core.data.loader import TrainBatches
    from reid_core.data.parts import Part
    from reid_core.data.pipeline import SplitData
    from reid_core.data.samplers import TrainingSampler
    from reid_core.data.transforms import Augmentation, TrainTransform

    images = ImageArray(np.zeros((32, 1, 1, 3), dtype=np.uint8), np.arange(32))
    labels, sampler = np.zeros(32, dtype=np.int64), TrainingSampler(32, 32)
    data: SplitData[Any] = SplitData(Part((), labels, labels, images), _PEOPLE, sampler, (), "", "", ())
    return data, TrainBatches(images, labels, labels, sampler, TrainTransform(Augmentation(), 0), seed=0)


def _batch(count: int, size: tuple[int, int]) -> Batch:
    import torch

    from reid_core.data.loader import Batch

    draw = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 3, *size), generator=draw, dtype=torch.uint8)
    labels = torch.arange(count // 4).repeat_interleave(4)
    return Batch(images, labels, torch.zeros_like(labels), torch.arange(count))
