"""A teacher that is asked about each image once."""

from __future__ import annotations

from collections.abc import Callable

import torch

from reid_core.data.loader import EvalBatch
from reid_core.distill.teacher import Said, Teacher

__all__ = ["MOST_BYTES", "Remembered"]

MOST_BYTES = 2**30
"""What a process remembers of one teacher at most: where all images together need more, it remembers nothing."""

_BLOCK = 32


class Remembered:
    """What `teacher` says of the training images, computed when an image first comes up.

    Only where an image is the same whenever it is drawn. `images(start, stop)` are those of that many positions in the
    data set; `count` is how many there are. Images are asked about in blocks of neighbours, so that what is said of
    one does not depend on the batch that asked first: a resumed training hears the very same. Kept in memory, on the
    CPU, of each process, until a training is interrupted: the next part of it asks anew.
    """

    def __init__(self, teacher: Teacher, images: Callable[[int, int], EvalBatch], count: int) -> None:
        self.teacher = teacher
        self._images = images
        self._count = count
        self._blocks: dict[int, Said] = {}

    def bytes_of_all(self, device: torch.device) -> int:
        """How much memory the answers to all images take; asks about the first."""
        said = self._ask(0, 1, device)
        numbers = sum(value.numel() for value in said.logits.values())
        numbers += 0 if said.embedding is None else said.embedding.numel()
        return numbers * 4 * self._count

    def of(self, indices: torch.Tensor, device: torch.device) -> Said:
        """What is said of the images at `indices` (B,), on `device`."""
        places = [divmod(index, _BLOCK) for index in indices.tolist()]
        said = [(self._block(block, device), row) for block, row in places]
        first = said[0][0]
        logits = {
            branch: torch.stack([one.logits[branch][row] for one, row in said]).to(device) for branch in first.logits
        }
        embeddings = [one.embedding[row] for one, row in said if one.embedding is not None]
        return Said(logits, torch.stack(embeddings).to(device) if embeddings else None)

    def _block(self, number: int, device: torch.device) -> Said:
        if number not in self._blocks:
            start = number * _BLOCK
            self._blocks[number] = self._ask(start, min(start + _BLOCK, self._count), device)
        return self._blocks[number]

    def _ask(self, start: int, stop: int, device: torch.device) -> Said:
        batch = self._images(start, stop)
        camids = None if batch.camids is None else batch.camids.to(device)
        said = self.teacher.ask(batch.images.to(device), camids)
        logits = {branch: value.float().cpu() for branch, value in said.logits.items()}
        return Said(logits, None if said.embedding is None else said.embedding.float().cpu())
