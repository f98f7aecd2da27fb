"""How well a model maps two views of an image to one place, and different images to different places."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from reid_core.config import Config
from reid_core.data.images import ImageArray
from reid_core.data.pictures import ColorJitter, ResizedCrop
from reid_core.data.transforms import Augmentation, Erasing, TrainTransform
from reid_core.engine.compute import Compute
from reid_core.engine.divergence import not_finite
from reid_core.engine.embedding import evaluation_mode
from reid_core.modeling import Architecture
from reid_core.modeling.architectures import MoCoV2

__all__ = ["VIEWS", "agreement", "views"]

_MOST = 1024
"""Images at most: the accuracy falls with their number, so that it is the same for every large data set."""

VIEWS = Augmentation(
    pictures=(ResizedCrop((0.2, 1.0), (3 / 4, 4 / 3)), ColorJitter(0.8, 0.2, 0.2, 0.0, 0.0)),
    flip_prob=0.5,
    erasing=Erasing(),
)
"""How views to measure on are made, whatever INPUT says: weaker training must not look better."""

_Rows = npt.NDArray[np.float32]


def views(
    model: Architecture, images: ImageArray, config: Config, compute: Compute, *, epoch: int
) -> tuple[_Rows, _Rows]:
    """Projections (N, dim) of unit length of two views each of up to 1,024 images, the same at every call.

    Raises TypeError when the model is no MoCoV2, TrainingDiverged when a projection is not finite.
    """
    if not isinstance(model, MoCoV2):
        raise TypeError(f"{type(model).__name__} projects no views; the task pretraining trains MoCoV2")
    chosen = np.unique(np.linspace(0, len(images) - 1, min(len(images), _MOST)).round().astype(np.int64))
    transform = TrainTransform(VIEWS, config.datasets.val_seed)
    batch, found = config.test.ims_per_batch, []
    with evaluation_mode(model), torch.inference_mode():
        for view in (0, 1):
            rows = []
            for start in range(0, len(chosen), batch):
                part = chosen[start : start + batch]
                pixels = torch.from_numpy(transform(images.take(part), 0, part, np.full_like(part, view)))
                with compute.autocast():
                    projected = model.project(compute.images(pixels))
                rows.append(projected.float().cpu().numpy())
            found.append(np.concatenate(rows))
    if not all(np.isfinite(rows).all() for rows in found):
        raise not_finite("the projections", epoch)
    return found[0], found[1]


def agreement(first: _Rows, second: _Rows) -> dict[str, float]:
    """Metrics of projections (N, D) of unit length of two views of N >= 2 images.

    contrast_accuracy: the share of images whose second view is nearer to the first than those of all other images.
    alignment: the mean squared distance of two views; uniformity: the logarithm of the mean over pairs of images of
    exp(-2 d^2), averaged over the views (Wang and Isola, ICML 2020, sections 4.1 and 4.2); both better the lower.
    """
    cosines = first @ second.T
    own = np.diagonal(cosines).copy()
    np.fill_diagonal(cosines, -np.inf)
    return {
        "contrast_accuracy": float(np.mean(own > cosines.max(axis=1))),
        "alignment": float(np.mean(np.sum((first - second) ** 2, axis=1, dtype=np.float64))),
        "uniformity": (_uniformity(first) + _uniformity(second)) / 2,
    }


def _uniformity(rows: _Rows) -> float:
    squared = np.maximum(2.0 - 2.0 * (rows @ rows.T).astype(np.float64), 0.0)
    pairs = squared[np.triu_indices(len(rows), k=1)]
    return float(np.log(np.mean(np.exp(-2.0 * pairs))))
