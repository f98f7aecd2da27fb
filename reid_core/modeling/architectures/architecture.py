"""What every whole model is: images in, embeddings out, and what losses see while it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from reid_core.modeling.heads import Outputs

__all__ = ["Architecture", "PixelStatistics"]


@dataclass(frozen=True, slots=True)
class PixelStatistics:
    """Mean and standard deviation of red, green and blue in 0..255."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Architecture(nn.Module, ABC):
    """A meta-architecture: how backbone and heads are put together.

    Images are RGB, 0..255, (B, 3, H, W), uint8 or floating point; they are normalised here with `pixels`, which is no
    part of the state dict. The engine uses the properties, `outputs`, `own_losses` and `embed`; a new architecture
    writes the abstract ones.
    """

    pixel_mean: torch.Tensor
    pixel_std: torch.Tensor

    def __init__(self, pixels: PixelStatistics) -> None:
        super().__init__()
        self.register_buffer("pixel_mean", torch.tensor(list(pixels.mean)).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("pixel_std", torch.tensor(list(pixels.std)).view(1, -1, 1, 1), persistent=False)

    @property
    @abstractmethod
    def embedding_dim(self) -> int:
        """D, the width of the embeddings."""

    @property
    @abstractmethod
    def metric_dims(self) -> Mapping[str, int]:
        """The widths of the `features` of the branches that have them: what metric losses and class centers see."""

    @property
    @abstractmethod
    def num_classes(self) -> int:
        """C, the width of the logits."""

    @abstractmethod
    def feature_map(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """The map (B, channels, h, w) of the whole image; `camids` (B,) for a backbone that embeds cameras."""

    @abstractmethod
    def _training_outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None, camids: torch.Tensor | None
    ) -> Outputs: ...

    @abstractmethod
    def _embeddings(self, images: torch.Tensor, camids: torch.Tensor | None) -> torch.Tensor: ...

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Images of 0..255 -> (images - pixel_mean) / pixel_std, same shape (B, 3, H, W), in the buffers' precision."""
        return (images.to(self.pixel_mean.dtype) - self.pixel_mean) / self.pixel_std

    def forward(
        self, images: torch.Tensor, targets: torch.Tensor | None = None, camids: torch.Tensor | None = None
    ) -> torch.Tensor | Outputs:
        """Embeddings (B, D) in evaluation, the outputs of each branch while training.

        `targets`, (B,) class indices, are for classifiers with a margin; without them there is none. `camids`, (B,),
        are for backbones that know cameras; None where they are not known.
        """
        return self._training_outputs(images, targets, camids) if self.training else self._embeddings(images, camids)

    def outputs(
        self, images: torch.Tensor, targets: torch.Tensor | None = None, camids: torch.Tensor | None = None
    ) -> Outputs:
        """`forward` of a model in training mode, typed: the outputs of each branch."""
        outputs = self(images, targets, camids)
        if not isinstance(outputs, dict):
            raise TypeError("outputs() needs a model in training mode; call train() first, or embed()")
        return outputs

    def predictions(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> Outputs:
        """What `outputs` gives, without targets and so without margin, in the mode the model is in: a teacher's."""
        return self._training_outputs(images, None, camids)

    def joined_embedding(self, outputs: Outputs) -> torch.Tensor | None:
        """The embedding (B, D) that `outputs` of this model hold, None where they hold none; as `embed` joins it."""
        parts = [outputs[branch].embedding for branch in self._embedding_order(outputs)]
        known = [part for part in parts if part is not None]
        return torch.cat(known, dim=1) if known else None

    def _embedding_order(self, outputs: Outputs) -> Sequence[str]:
        return tuple(outputs)

    def scores(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """Class scores (B, C) without margin, in evaluation mode: for tasks that predict classes.

        TypeError for an architecture whose branches have classifiers of their own.
        """
        del images, camids
        name = type(self).__name__
        raise TypeError(f"{name} has no classifier of whole images; set MODEL.META_ARCHITECTURE to Baseline")

    def own_losses(self, outputs: Outputs, targets: torch.Tensor) -> dict[str, torch.Tensor]:
        """Weighted scalars by name that only the model can compute; they join the sum of MODEL.LOSSES. Mostly none.

        `outputs` and `targets` (B,) are a whole batch's; called once a step, outside mixed precision.
        """
        del outputs, targets
        return {}

    def embed(self, images: torch.Tensor, camids: torch.Tensor | None = None) -> torch.Tensor:
        """`forward` of a model in evaluation mode, typed: embeddings (B, D)."""
        embeddings = self(images, camids=camids)
        if not isinstance(embeddings, torch.Tensor):
            raise TypeError("embed() needs a model in evaluation mode; call eval() first, or outputs()")
        return embeddings
