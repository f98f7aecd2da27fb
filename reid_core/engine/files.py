"""Image files as batches for a model, decoded as it asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from reid_core.config import Config
from reid_core.data.cache import Progress
from reid_core.data.loader import EvalBatch
from reid_core.data.sources import CorruptImage, FileSource, Interpolation
from reid_core.data.transforms import planes
from reid_core.errors import DataError, Finding

__all__ = ["decoded"]


def decoded(
    config: Config,
    root: Path,
    paths: Sequence[str],
    *,
    threads: int | None = None,
    progress: Progress | None = None,
    hint: str = "",
) -> Iterator[EvalBatch]:
    """Batches of the images `paths` below `root` at the model's own size; `progress` hears (done, total).

    Raises DataError with `hint`, naming an image that does not decode.
    """
    source, size = FileSource(root), config.input.size_test
    interpolation = Interpolation(config.input.interpolation)
    batch = config.test.ims_per_batch
    with ThreadPoolExecutor(max_workers=threads or os.cpu_count() or 1, thread_name_prefix="reid-decode") as pool:
        for start in range(0, len(paths), batch):
            part = paths[start : start + batch]
            try:
                pixels = list(pool.map(lambda path: source.decode(path, size, interpolation), part))
            except CorruptImage as error:
                message = f"the image does not decode: {error.reason}"
                raise DataError(Finding("corrupt-image", message, file=str(root / error.path), hint=hint)) from error
            yield EvalBatch(torch.from_numpy(planes(np.stack(pixels))))
            if progress is not None:
                progress(start + len(part), len(paths))
