"""Images through a model in evaluation mode: scores of classes or attributes as rows of a numpy array."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import torch

from reid_core.config import Config
from reid_core.data.labelled import LabelledData
from reid_core.data.loader import EvalBatch, eval_batches
from reid_core.engine.compute import Compute
from reid_core.engine.divergence import not_finite
from reid_core.engine.embedding import passed
from reid_core.errors import DataError, Finding
from reid_core.modeling import Architecture

__all__ = ["check_width", "finite_scores", "measured_scores", "scores", "scoring_conditions"]


def scores(
    model: Architecture, batches: Iterable[EvalBatch], compute: Compute, *, flip: bool = False
) -> npt.NDArray[np.float32]:
    """Scores (N, C) of batches of images, in their order, without margin.

    With `flip`, the mean of an image's and its mirror image's. Leaves the model in the mode it was in.
    """

    def seen(images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor:
        found = model.scores(images, camids)
        return (found + model.scores(images.flip(3), camids)) / 2 if flip else found

    return passed(seen, model, batches, compute, width=model.num_classes)


def measured_scores(
    model: Architecture, data: LabelledData, config: Config, compute: Compute, *, epoch: int
) -> npt.NDArray[np.float32]:
    """The scores (N, C) of the images of `data` after `epoch` epochs, under the conditions of TEST.

    Raises DataError where the model has scores of other things than `data` names, TrainingDiverged where one is not
    finite.
    """
    check_width(model, data, config)
    batches = eval_batches(data.part.images, data.part.camids, config.test.ims_per_batch)
    return finite_scores(scores(model, batches, compute, flip=config.test.flip.enabled), epoch)


def finite_scores(rows: npt.NDArray[np.float32], epoch: int) -> npt.NDArray[np.float32]:
    """The scores (N, C) as they are. Raises TrainingDiverged where one is not finite."""
    if np.isfinite(rows).all():
        return rows
    raise not_finite("the scores", epoch)


def check_width(model: Architecture, data: LabelledData, config: Config) -> None:
    """Raise DataError where the model has scores for other classes or attributes than `data` names."""
    if model.num_classes != (config.model.heads.num_classes or len(data.names)):
        finding = Finding(
            "other-classes",
            f"the model scores {model.num_classes}, and the data has {len(data.names)} ({data.sentence})",
            hint="measure it on the data set it was trained on",
            key="DATASETS.ROOT",
        )
        raise DataError(finding)


def scoring_conditions(*, flip: bool) -> str:
    """How `scores` scores, in words: whether the mirrored image too."""
    return "mean of the scores of the image and its mirror image" if flip else "no flip"
