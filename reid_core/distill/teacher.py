"""What a teacher is, and what it says of a batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch.nn import functional

from reid_core.distill.knowledge import Knowledge
from reid_core.distill.stages import Stage, recorded
from reid_core.modeling import Architecture

__all__ = ["NetworkTeacher", "Said", "Teacher"]


_UNKNOWN = Knowledge()


@dataclass(frozen=True, slots=True)
class Said:
    """Of a batch of B images: logits without margin by branch, (B, C); embedding (B, D); maps (B, c, h, w) by stage."""

    logits: Mapping[str, torch.Tensor]
    embedding: torch.Tensor | None
    maps: Mapping[int, torch.Tensor] = field(default_factory=dict)


class Teacher(Protocol):
    """A network that does not learn."""

    @property
    def name(self) -> str:
        """For messages: its file."""

    @property
    def identity(self) -> str:
        """What tells its file and configuration from any other; empty where it has no file."""

    @property
    def known(self) -> Knowledge:
        """What its file tells of it."""

    @property
    def classes(self) -> int:
        """How many its logits are of, 0 where it gives none."""

    @property
    def width(self) -> int:
        """That of its embedding, 0 where it gives none."""

    def ask(self, images: torch.Tensor, camids: torch.Tensor | None, stages: Sequence[Stage] = ()) -> Said:
        """What it says of images (B, 3, H, W), RGB 0..255, of any size, with the maps of `stages`; no gradient."""


class NetworkTeacher:
    """A model of ours: in evaluation mode and without gradients from here on, whatever becomes of the student.

    Images are brought to `image_size`, the height and width it is measured with.
    """

    def __init__(
        self,
        name: str,
        model: Architecture,
        image_size: tuple[int, int],
        *,
        identity: str = "",
        known: Knowledge = _UNKNOWN,
    ) -> None:
        self.name = name
        self.identity = identity
        self.known = known
        self.model = model.eval().requires_grad_(requires_grad=False)
        self._image_size = image_size

    @property
    def classes(self) -> int:
        """C, the width of the logits."""
        return self.model.num_classes

    @property
    def width(self) -> int:
        """D, the width of the embeddings."""
        return self.model.embedding_dim

    @torch.no_grad()
    def ask(self, images: torch.Tensor, camids: torch.Tensor | None, stages: Sequence[Stage] = ()) -> Said:
        """See Teacher."""
        with recorded(stages) as maps:
            outputs = self.model.predictions(of_size(images, self._image_size), camids)
        logits = {branch: one.plain_logits for branch, one in outputs.items() if one.plain_logits is not None}
        return Said(logits, self.model.joined_embedding(outputs), maps)


def of_size(images: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    """Images (B, 3, H, W) of 0..255 -> the same at (B, 3, *size); as they are where they have that size."""
    if images.shape[2:] == size:
        return images
    return functional.interpolate(images.float(), size=size, mode="bilinear", align_corners=False, antialias=True)
