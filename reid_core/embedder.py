"""Images become embeddings with a trained model, whatever kind of file it lies in."""

# ruff: noqa: PLC0415 - importing this module must not load torch: only the kind of file that is opened is imported

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from reid_core.data.sources import CorruptImage, EncodedImage, FileSource, Interpolation, Pixels, Size, fit
from reid_core.errors import DataError, Finding, NotFound

if TYPE_CHECKING:
    from reid_core.export.card import ModelCard

__all__ = ["Embedder", "Rows", "open_embedder"]

Rows: TypeAlias = npt.NDArray[np.float32]
"""Embeddings (N, D), float32, rows of unit length."""


class Embedder(ABC):
    """A model that embeds images. Its numbers are those that `reid-tune evaluate` compares.

    `card` says what it is, `batch` how many images it takes at once: half as many after it ran out of memory. Not for
    several threads at a time.
    """

    def __init__(self, card: ModelCard, *, batch: int, threads: int | None) -> None:
        self.card = card
        self.batch = batch
        self.threads = threads
        self._interpolation = Interpolation(card.interpolation)
        self._files = FileSource(Path())

    @property
    def dim(self) -> int:
        """D, the width of the embeddings."""
        return self.card.dim

    @property
    def size(self) -> Size:
        """Height and width, in pixels, of the images that `embed` takes."""
        return self.card.size

    @property
    def name(self) -> str:
        """The network and its weights, in short: two models of the same name give the same embeddings."""
        return self.card.name

    def embed(self, pixels: Pixels) -> Rows:
        """Embeddings (N, D) of RGB images, uint8 (N, H, W, 3) of `size`. Raises ValueError for another shape."""
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != (*self.size, 3):
            height, width = self.size
            raise ValueError(f"{pixels.dtype} {pixels.shape}; images are uint8 (N, {height}, {width}, 3)")
        parts: list[Rows] = [np.empty((0, self.dim), np.float32)]
        done = 0
        while done < len(pixels):
            try:
                parts.append(self._embed(pixels[done : done + self.batch]))
            except MemoryError:
                if self.batch == 1:
                    raise
                self.batch //= 2
            else:
                done += len(parts[-1])
        return np.concatenate(parts)

    def embed_images(self, images: Sequence[Pixels]) -> Rows:
        """The same of decoded images of any size, uint8 (h, w, 3) RGB, resized as training resizes them."""
        return self.embed(self._stacked(self.resized(image) for image in images))

    def embed_files(self, images: Sequence[Path | EncodedImage]) -> Rows:
        """The same of image files, or their bytes, decoded as training decodes them.

        Raises DataError naming one that does not decode.
        """
        with ThreadPoolExecutor(self.threads, thread_name_prefix="reid-decode") as pool:
            parts = [
                self.embed(self._stacked(pool.map(self._read, images[start : start + self.batch])))
                for start in range(0, len(images), self.batch)
            ]
        return np.concatenate(parts) if parts else np.empty((0, self.dim), np.float32)

    def resized(self, image: Pixels) -> Pixels:
        """An image (h, w, 3) at the model's size. Raises ValueError for something else."""
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
            raise ValueError(f"{image.dtype} {image.shape}; an image is uint8 (height, width, 3)")
        return fit(Image.fromarray(image), self.size, self._interpolation)

    def read(self, image: Path | EncodedImage) -> Pixels:
        """An image file, or its bytes, at the model's size, uint8 (H, W, 3). Raises CorruptImage."""
        if isinstance(image, EncodedImage):
            return image.decode(self.size, self._interpolation)
        return self._files.decode(str(image), self.size, self._interpolation)

    def _read(self, image: Path | EncodedImage) -> Pixels:
        try:
            return self.read(image)
        except CorruptImage as error:
            message = f"the image does not decode: {error.reason}"
            raise DataError(Finding("corrupt-image", message, file=error.path)) from error

    def _stacked(self, images: Iterable[Pixels]) -> Pixels:
        found = list(images)
        return np.stack(found) if found else np.empty((0, *self.size, 3), np.uint8)

    @abstractmethod
    def _embed(self, pixels: Pixels) -> Rows:
        """Of at most `batch` images of the right shape."""


def open_embedder(path: Path, *, device: str = "auto", threads: int | None = None) -> Embedder:
    """The model in a checkpoint that `train` wrote or a file that `export` did, on `device` (auto, cpu, cuda, cuda:1).

    `threads` are those of the CPU; None takes what torch or ONNX Runtime would. Raises NotFound, CheckpointError,
    ConfigError for a device that is not there.
    """
    if not path.is_file():
        raise NotFound(f"there is no model {path}", hint="give a checkpoint that `train` wrote, or an .onnx file")
    if path.suffix.lower() == ".onnx":
        from reid_core.export.onnx_embedder import OnnxEmbedder

        return OnnxEmbedder(path, device=device, threads=threads)
    if path.suffix.lower() in {".ts", ".pt2"}:
        from reid_core.export.torch_embedder import TorchFileEmbedder

        return TorchFileEmbedder(path, threads=threads)
    from reid_core.export.checkpoint_embedder import CheckpointEmbedder

    return CheckpointEmbedder(path, device=device, threads=threads)
