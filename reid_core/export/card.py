"""What a model file tells of itself: inside an ONNX file as metadata, and beside every exported file as JSON."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from reid_core.config.values import Values
from reid_core.errors import CheckpointError
from reid_core.export.licences import LicenceClass, Origin

__all__ = ["METADATA_KEY", "ModelCard", "card_beside", "parsed", "sidecar_of", "versions"]

METADATA_KEY = "reid-tune.card"
"""The name of the card among the metadata of an ONNX file."""

_PACKAGES = ("reid-tune", "torch", "onnx", "onnxruntime", "onnxscript")


class ModelCard(BaseModel):
    """A model's card.

    `size` is height and width in pixels, `dim` the width of its embeddings; `flip` and `scales` say how an image is
    embedded, `preprocess` whether the file normalises pixels of 0..255 itself. `weights` is the SHA-256 of the
    checkpoint that it was made from, `sha256` that of the file itself (in the JSON beside it only: no file holds its
    own). `metrics` are fractions under `protocol`; `data` and `split` fingerprints of what it was trained on.
    `trained_with` are the versions of the program, Python and packages that trained it, `versions` of those that wrote
    this file. What is not known is empty.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: int = 1
    kind: Literal["checkpoint", "onnx", "torchscript", "torch-export"]
    network: str
    size: tuple[int, int]
    dim: int
    interpolation: str = "bilinear"
    preprocess: Literal["inside", "outside"] = "inside"
    pixel_mean: tuple[float, ...] = ()
    pixel_std: tuple[float, ...] = ()
    flip: bool = False
    scales: tuple[float, ...] = (1.0,)
    precision: Literal["float32", "float16", "int8"] = "float32"
    epoch: int = 0
    seed: int = 0
    identities: int = 0
    metrics: dict[str, float] = Field(default_factory=dict)
    protocol: str = ""
    data: str = ""
    split: str = ""
    recipe: Values = Field(default_factory=dict)
    licence: LicenceClass = LicenceClass.UNKNOWN
    origins: tuple[Origin, ...] = ()
    trained_with: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    weights: str = ""
    sha256: str = ""
    checks: dict[str, float] = Field(default_factory=dict)

    @property
    def name(self) -> str:
        """`resnet-50x-256x128-0123456789ab`: the network and the weights; what differs in numbers has another name."""
        network, height, width = self.network.split(",")[0].replace(" ", "-"), *self.size
        parts = [network, f"{height}x{width}", self.weights[:12] or self.sha256[:12]]
        parts += [word for word, on in (("flip", self.flip), (self.precision, self.precision != "float32")) if on]
        return "-".join(filter(None, parts))

    def text(self) -> str:
        """The card as JSON, keys sorted, indented."""
        plain = self.model_dump(mode="json")
        return json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def versions() -> Mapping[str, str]:
    """Of this program, Python and the packages that computed; those that are not installed are left out."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def sidecar_of(path: Path) -> Path:
    """Where the card of the file `path` stands: model.onnx -> model.onnx.json."""
    return path.with_name(path.name + ".json")


def card_beside(path: Path) -> ModelCard | None:
    """The card beside `path`, None where there is none. Raises CheckpointError for something else there."""
    beside = sidecar_of(path)
    return parsed(beside.read_text("utf-8"), beside) if beside.is_file() else None


def parsed(text: str, path: Path) -> ModelCard:
    """A card out of its JSON, which stood in `path`. Raises CheckpointError."""
    try:
        return ModelCard.model_validate_json(text)
    except ValidationError as error:
        raise CheckpointError(
            f"the card in {path} is not one of this version: {error.errors()[0]['msg']}",
            hint="export the model again with: reid-tune export onnx",
        ) from error
