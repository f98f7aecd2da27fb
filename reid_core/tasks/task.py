"""What the engine asks of a task: data, model, losses, and how well the model does."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeAlias, TypeVar

from reid_core import results
from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.images import ImageArray
from reid_core.data.pipeline import SplitData
from reid_core.data.records import Labels
from reid_core.data.samplers import Sampler
from reid_core.engine.compute import Compute
from reid_core.losses import Losses, build_losses
from reid_core.modeling import Architecture, build_model
from reid_core.tasks.card import TaskCard
from reid_core.tasks.cards import card_of

__all__ = ["AnyTask", "Evaluation", "Measured", "Relabelled", "Task", "task_of"]


class Evaluation(Protocol):
    """Something to measure a model on, decoded."""

    @property
    def name(self) -> str:
        """That of the data set where there are several, else empty."""

    @property
    def sentence(self) -> str:
        """What is measured, for people."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know of it."""

    @property
    def pixels(self) -> Sequence[ImageArray]:
        """The images that pass through the model, once each."""


@dataclass(frozen=True, slots=True)
class Measured:
    """How well a model does: metrics by the names of the task's card, and details for people.

    `counts` in the order to tell them ('queries': 120); `groups` take the metrics apart, by camera, identity, class …
    `conditions` say how it was measured.
    """

    metrics: Mapping[str, float]
    counts: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, Sequence[results.GroupMetrics]] = field(default_factory=dict)
    conditions: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Relabelled:
    """Other labels (N,) for the training images, the sampler made for them, and what to report of that."""

    labels: Labels
    sampler: Sampler
    metrics: Mapping[str, float] = field(default_factory=dict)


E = TypeVar("E", bound=Evaluation)


class Task(ABC, Generic[E]):
    """One task; E is what it measures a model on. A task has no state: everything comes from the configuration.

    `scored` says that class scores are measured, not embeddings; `yes_or_no`, that classes do not exclude each other.
    """

    scored: ClassVar[bool] = False
    yes_or_no: ClassVar[bool] = False

    def __init__(self, card: TaskCard) -> None:
        self.card = card

    @abstractmethod
    def summary(self, config: Config) -> results.DataSummary:
        """Count what the data holds, without decoding an image. Raises DataError."""

    @abstractmethod
    def open(
        self,
        config: Config,
        protocol: results.Protocol,
        *,
        threads: int | None = None,
        progress: Progress | None = None,
    ) -> SplitData[E]:
        """Training and evaluation data, decoded where they are not yet. Raises DataError."""

    @abstractmethod
    def evaluations(self, config: Config, protocol: results.Protocol, *, threads: int | None = None) -> tuple[E, ...]:
        """Only what is measured; choices follow the first."""

    @abstractmethod
    def measure(self, model: Architecture, data: E, config: Config, compute: Compute, *, epoch: int) -> Measured:
        """Measure a model after `epoch` epochs; leaves it in the mode it was in.

        Raises TrainingDiverged when what it computes is not finite.
        """

    def names(self, data: E) -> tuple[str, ...]:
        """What a model's outputs are called in `data`, in their order; empty where it learns no names."""
        del data
        return ()

    def measure_all(
        self, model: Architecture, evaluations: Sequence[E], config: Config, compute: Compute, *, epoch: int
    ) -> dict[str, float]:
        """The metrics on the first of `evaluations` by their names, on the others as NAME/mAP and so on."""
        metrics: dict[str, float] = {}
        for place, data in enumerate(evaluations):
            prefix = f"{data.name}/" if place else ""
            measured = self.measure(model, data, config, compute, epoch=epoch)
            metrics |= {f"{prefix}{name}": value for name, value in measured.metrics.items()}
        return metrics

    def model(self, config: Config, classes: int, *, pretrained: bool = True) -> Architecture:
        """The model for `classes`; see reid_core.modeling.build_model."""
        return build_model(config, classes, pretrained=pretrained)

    def losses(self, config: Config, model: Architecture, data: SplitData[E] | None) -> Losses:
        """What the model is trained by; `data` is None where nothing is trained on it (a benchmark)."""
        del data
        return build_losses(config, model.num_classes, model.metric_dims)

    def relabel(
        self, model: Architecture, data: SplitData[E], config: Config, compute: Compute, *, seed: int, epoch: int
    ) -> Relabelled | None:
        """Called before each epoch: other labels for its images, as clustering finds them; None keeps what is there.

        Must be a function of its arguments, the model's state among them: a resumed run calls it again.
        """
        del model, data, config, compute, seed, epoch
        return None


AnyTask: TypeAlias = Task[Any]


def task_of(config: Config) -> AnyTask:
    """The task of TASK.NAME."""
    card = card_of(config.task.name)
    module, _, name = card.implementation.partition(":")
    made = getattr(importlib.import_module(module), name)(card)
    if not isinstance(made, Task):
        raise TypeError(f"{card.implementation} is no reid_core.tasks.task.Task")
    return made
