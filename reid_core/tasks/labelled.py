"""What tasks share whose images are told something by name: classes, attributes."""

from __future__ import annotations

from abc import abstractmethod

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.labelled import LabelledData, LabelledSet
from reid_core.data.pipeline import SplitData
from reid_core.results import DataSummary, Protocol
from reid_core.tasks.task import Task

__all__ = ["LabelledTask"]


class LabelledTask(Task[LabelledData]):
    """Trains and measures on images of the same classes or attributes."""

    scored = True

    @abstractmethod
    def read(self, config: Config) -> LabelledSet:
        """The data of DATASETS and its validation split, without decoding an image. Raises DataError."""

    def check(self, data: LabelledData) -> None:
        """Raise DataError where nothing can be measured on `data`."""

    def summary(self, config: Config) -> DataSummary:
        """Count images and what they are told."""
        return self.read(config).summary()

    def open(
        self, config: Config, protocol: Protocol, *, threads: int | None = None, progress: Progress | None = None
    ) -> SplitData[LabelledData]:
        """Images to train on, and those held out, or the test split, to measure on."""
        data = self.read(config).open(config, protocol, threads=threads, progress=progress)
        self.check(data.evaluation)
        return data

    def evaluations(
        self, config: Config, protocol: Protocol, *, threads: int | None = None
    ) -> tuple[LabelledData, ...]:
        """The images that are measured."""
        data = self.read(config).evaluation(config, protocol, threads=threads)
        self.check(data)
        return (data,)

    def names(self, data: LabelledData) -> tuple[str, ...]:
        """The classes or attributes, as the data names them."""
        return data.names
