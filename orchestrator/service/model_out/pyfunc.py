"""The code of a registered model: MLflow runs this file when somebody loads it. It needs reid-tune beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np

__all__ = ["COLUMN", "MODEL", "ReidModel"]

MODEL, COLUMN = "model", "image"
"""The name of the artifact that is the network, and of the column that images are in."""


class ReidModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow has no types here
    """Images -> embeddings (N, D) of unit length, float32.

    A table (pandas) with a column `image`; each is a path, or pixels, uint8 RGB (h, w, 3) of any size.
    """

    def load_context(self, context: Any) -> None:
        """Open the network; the GPU is used where ONNX Runtime can."""
        from reid_core.embedder import open_embedder  # noqa: PLC0415 - where the model is served

        self._embedder = open_embedder(Path(context.artifacts[MODEL]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201 - mlflow reads hints
        """See the class. Raises DataError for a file that does not decode, ValueError for what is no image."""
        del context, params
        images = list(model_input[COLUMN])
        rows = np.empty((len(images), self._embedder.dim), np.float32)
        paths = [index for index, image in enumerate(images) if isinstance(image, str | Path)]
        pixels = sorted(set(range(len(images))) - set(paths))
        if paths:
            rows[paths] = self._embedder.embed_files([Path(images[index]) for index in paths])
        if pixels:
            rows[pixels] = self._embedder.embed_images([np.asarray(images[index], np.uint8) for index in pixels])
        return rows


mlflow.models.set_model(ReidModel())
