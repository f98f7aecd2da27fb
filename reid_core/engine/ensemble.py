"""Several checkpoints as one embedding of image files, each with the image size and the conditions of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_core.config import Config, from_values
from reid_core.config.values import Values
from reid_core.data.cache import Progress
from reid_core.engine import checkpoint as checkpoints
from reid_core.engine.compute import Compute
from reid_core.engine.embedding import embeddings
from reid_core.engine.files import decoded
from reid_core.engine.inference import load_model
from reid_core.engine.measuring import finite
from reid_core.errors import ConfigError, Finding
from reid_core.evaluation import unit_rows

__all__ = ["Member", "embed_together", "members_of"]

Rows = npt.NDArray[np.float32]

_EVERY_IMAGE = "replace it: a submission ranks every image"


@dataclass(frozen=True, slots=True)
class Member:
    """A checkpoint, the configuration it is measured under, and its share of the similarity."""

    path: Path
    config: Config
    share: float


def members_of(paths: Sequence[Path], weights: Sequence[float], settings: Values) -> tuple[Member, ...]:
    """The checkpoints with the configurations that they carry, which `settings` overrides; no weights are equal ones.

    Raises CheckpointError, and ConfigError for weights that fit no checkpoint or settings that fit no configuration.
    """
    given = list(weights) or [1.0] * len(paths)
    if not paths or len(given) != len(paths) or not all(0 < weight < np.inf for weight in given):
        raise ConfigError(
            Finding(
                "impossible",
                f"{len(paths)} checkpoints have {len(given)} weights: {', '.join(f'{weight:g}' for weight in given)}",
                hint="give one number above 0 for each checkpoint, or none",
            )
        )
    found = []
    for path, weight in zip(paths, given, strict=True):
        config = from_values({**checkpoints.load(path).values, **settings})
        if config.test.metric == "dsr":
            raise ConfigError(
                Finding(
                    "impossible",
                    f"{path} is measured by DSR, which compares parts of images, not embeddings",
                    hint="set TEST.METRIC to cosine",
                    key="TEST.METRIC",
                )
            )
        found.append(Member(path, config, weight / sum(given)))
    return tuple(found)


def embed_together(
    members: Sequence[Member], root: Path, paths: Sequence[str], *, threads: int | None, progress: Progress | None
) -> Rows:
    """Embeddings (N, D) of the images `paths` below `root`; `progress` hears (done, total) of images times models.

    Of one member they are as it gives them. Those of several are normalised, multiplied by the root of their shares
    and put side by side: the cosine of two images is then the mean of the members' cosines, weighed by the shares.
    Raises DataError naming an image that does not decode, TrainingDiverged for embeddings that are not finite.
    """
    parts: list[Rows] = []
    for number, member in enumerate(members):
        compute = Compute.of(member.config)
        model, state = load_model(member.config, member.path, compute)
        test = member.config.test
        told = _later(progress, number, len(members))
        batches = decoded(member.config, root, paths, threads=threads, progress=told, hint=_EVERY_IMAGE)
        rows = embeddings(model, batches, compute, flip=test.flip.enabled, scales=test.scales)
        rows = finite(rows, state.epoch)
        parts.append(rows if len(members) == 1 else _weighed(rows, member.share))
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _weighed(rows: Rows, share: float) -> Rows:
    unit: Rows = unit_rows(rows).astype(np.float32, copy=False)
    unit *= np.float32(np.sqrt(share))
    return unit


def _later(progress: Progress | None, before: int, rounds: int) -> Progress:
    """`progress` of one of `rounds` passes over the images, `before` of which are done."""

    def tell(done: int, total: int) -> None:
        if progress is not None:
            progress(before * total + done, rounds * total)

    return tell
