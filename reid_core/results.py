"""What the engine tells others, as plain values: checkpoints, epochs, reports, counts of data, costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reid_core.config import Config

__all__ = [
    "UNFINISHED",
    "CheckpointFile",
    "CheckpointSummary",
    "Converted",
    "DataSummary",
    "EpochResult",
    "Fit",
    "Fork",
    "GroupMetrics",
    "ModelCost",
    "Protocol",
    "Report",
    "SetSummary",
    "Submission",
    "Throughput",
    "TrainResult",
    "TrainedOn",
    "WeightsSummary",
]


UNFINISHED = "unfinished-epoch.part"
"""The file in a run's folder from which it goes on within the epoch that it was stopped in."""


class Protocol(StrEnum):
    """Which images are trained on and which are measured.

    VALIDATION: train without the held-out identities, measure on them (cut from train; what a search sees).
    TEST: train on all training identities, measure on query / gallery.
    """

    VALIDATION = "validation"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class CheckpointFile:
    """A durable checkpoint: path, number of finished epochs in it, sha256 of the file."""

    path: Path
    epoch: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Fork(CheckpointFile):
    """A checkpoint of another run, to go on from with a configuration that differs in what may change in training.

    Weights and the optimiser's memory come from it; learning rates, losses and augmentation from the configuration
    (see reid_core.config.may_change_in_training).
    """


@dataclass(frozen=True, slots=True)
class EpochResult:
    """One finished epoch (counted from 1): training and, when it was evaluated, retrieval metrics."""

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: CheckpointFile | None


@dataclass(frozen=True, slots=True)
class TrainResult:
    """How training ended: last finished epoch, its checkpoint, whether it was asked to stop before `to_epoch`.

    `best` is the checkpoint of the best epoch on the validation split, by the `best` of the task's card (mAP); None on
    the test split, where nothing may be chosen.
    """

    epoch: int
    metrics: Mapping[str, float]
    checkpoint: CheckpointFile | None
    stopped: bool
    best: Path | None = None


@dataclass(frozen=True, slots=True)
class GroupMetrics:
    """Metrics over the `size` queries or images of one group: a camera, an identity or a class."""

    name: str
    size: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Report:
    """The metrics of a task and the protocol they were measured under, in words and `counts`.

    For ReID mAP, mINP, rank1, rank5, rank10 are fractions. With query expansion, re-ranking or DSR they are what comes
    after it, and plain_mAP … what the embeddings give without. With TEST.ROC: tpr_at_fpr_1e-4, _1e-3, _1e-2. Its
    counts are queries (with a match), gallery and skipped_queries; `groups` take the queries apart by 'camera', without
    those that nobody knows, and by 'identity'. With several data sets in DATASETS.TESTS this is the first, `name`, and
    `others` are the rest.
    """

    metrics: Mapping[str, float]
    protocol: str
    counts: Mapping[str, int]
    checkpoint: str = ""
    name: str = ""
    groups: Mapping[str, Sequence[GroupMetrics]] = field(default_factory=dict)
    others: Sequence[Report] = ()


@dataclass(frozen=True, slots=True)
class Submission:
    """Rank lists of images without labels: by the name of each query those of the nearest of `gallery` images.

    `conditions` tell in words how they were ranked.
    """

    ranking: Mapping[str, Sequence[str]]
    gallery: int
    conditions: str


@dataclass(frozen=True, slots=True)
class SetSummary:
    """One data set of DATASETS.NAMES and DATASETS.TESTS, as counted; no name where it is the only one."""

    name: str
    layout: str
    trained: bool
    tested: bool
    train_images: int
    train_identities: int
    cameras: int
    query_images: int
    gallery_images: int


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What the data sets hold, as counted; fingerprints change when an image or a split changes.

    With several `sets`, training counts are of those trained on together, query and gallery of those tested on. A task
    whose data are no queries and galleries tells of them in `sentences`, by protocol, and counts images as galleries.
    """

    layout: str
    fingerprint: str
    split_fingerprint: str
    train_images: int
    train_identities: int
    cameras: int
    val_identities: int
    val_queries: int
    val_gallery: int
    query_images: int
    gallery_images: int
    ignored: Mapping[str, int] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    sets: Sequence[SetSummary] = ()
    sentences: Mapping[Protocol, str] = field(default_factory=dict)

    def sentence(self, protocol: Protocol = Protocol.VALIDATION) -> str:
        """One line for people."""
        if protocol in self.sentences:
            return self.sentences[protocol]
        cut = f"of {self.val_identities} identities"
        measured = f"validation {self.val_queries} queries x {self.val_gallery} gallery {cut}"
        if protocol is Protocol.TEST:
            measured = f"test {self.query_images} queries x {self.gallery_images} gallery"
        return (
            f"{self.train_images} images of {self.train_identities} identities in {self.cameras} cameras "
            f"({self._which()}); {measured}"
        )

    def _which(self) -> str:
        if len(self.sets) < 2:
            return self.layout
        trained = " + ".join(one.name for one in self.sets if one.trained)
        return f"{trained}; tests on {', '.join(one.name for one in self.sets if one.tested)}"


@dataclass(frozen=True, slots=True)
class ModelCost:
    """What embedding an image costs: weights, multiply-adds, and milliseconds an image in batches of `batch`.

    Each of TEST.SCALES would be another pass: both count one, at INPUT.SIZE_TEST; the time counts TEST.FLIP's second.
    """

    parameters: int
    flops: int
    latency_ms: float
    device: str
    batch: int


@dataclass(frozen=True, slots=True)
class Throughput:
    """Images a second of each part of the way into a model, on one thread but for `step`, which uses `threads`.

    `decode`: a file to the input size, once a node; `cache`: out of the memory map; `augmentation`; `step`: training.
    """

    decode: float
    cache: float
    augmentation: float
    step: float
    threads: int
    device: str

    @property
    def batches(self) -> float:
        """Images a second in batches, ready to train on, by the thread that prepares them."""
        return 1 / (1 / self.cache + 1 / self.augmentation)

    @property
    def bound(self) -> str:
        """What a trial waits for, once images are decoded: `step`, or the slower of `cache` and `augmentation`."""
        if self.step <= self.batches:
            return "step"
        return "cache" if self.cache < self.augmentation else "augmentation"


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """What a model has seen: fingerprints of its `data` and of the part of it that `protocol` trains on."""

    protocol: Protocol
    data: str
    split: str


@dataclass(frozen=True, slots=True)
class CheckpointSummary:
    """What a checkpoint holds: the `config` it was trained with, for how long, and what its last epoch measured.

    `identities` are those that it was trained on; `network` names backbone and image size for people. `trained_on` is
    None where the version that wrote it did not note it.
    """

    path: Path
    sha256: str
    epoch: int
    seed: int
    identities: int
    metrics: Mapping[str, float]
    config: Config
    network: str
    trained_on: TrainedOn | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """What a configuration's model takes of a file given as `key`, or the `reason` and `hint` why it takes nothing.

    `missing`, `unexpected` and `other_shape` are names of tensors, `notes` sentences for people.
    """

    key: str
    fits: bool
    loaded: int = 0
    missing: Sequence[str] = ()
    unexpected: Sequence[str] = ()
    other_shape: Sequence[str] = ()
    notes: Sequence[str] = ()
    reason: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Converted:
    """A checkpoint made of another tool's file: how many tensors were taken, and what starts from random weights."""

    path: Path
    sha256: str
    identities: int
    loaded: int
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class WeightsSummary:
    """What a file of weights is: `source` and `architecture` are guessed from names and shapes, 'unknown' else.

    `wrappers` are the keys that the tensors lie under, outermost first; `parameters` counts learned numbers;
    `identities` are those of a whole model's classifier, 0 where there is none.
    """

    path: str
    bytes: int
    sha256: str
    source: str
    architecture: str
    identities: int
    wrappers: Sequence[str]
    tensors: int
    parameters: int
    dtypes: Mapping[str, int]
    fit: Fit | None
