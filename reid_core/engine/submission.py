"""A competition's answer: for each query image the nearest gallery images, of images without labels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from reid_core.config import Config
from reid_core.config.values import Values
from reid_core.data.cache import Progress
from reid_core.data.files import scan
from reid_core.engine.compute import Compute
from reid_core.engine.ensemble import embed_together, members_of
from reid_core.engine.measuring import conditions, refined_distances
from reid_core.errors import DataError, Finding
from reid_core.evaluation import Distance
from reid_core.evaluation.nearest import nearest
from reid_core.results import Submission

__all__ = ["rank_folders"]


def rank_folders(
    checkpoints: Sequence[Path],
    root: Path,
    *,
    folders: tuple[str, str],
    weights: Sequence[float],
    settings: Values,
    top: int,
    threads: int | None,
    progress: Progress | None,
) -> Submission:
    """See `reid_core.api.submit`; `folders` are those of queries and gallery below `root`."""
    members = members_of(checkpoints, weights, settings)
    query, gallery = (_images(root, folder) for folder in folders)
    rows = embed_together(members, root, [*query, *gallery], threads=threads, progress=progress)
    config = members[0].config if len(members) == 1 else _by_cosine(members[0].config)
    device, asking, answering = Compute.of(config).device, rows[: len(query)], rows[len(query) :]
    blocks = refined_distances(asking, answering, Distance(config.test.metric), config, device)
    names = np.array([_name(path, folders[1]) for path in gallery])
    ranking = {
        _name(path, folders[0]): tuple(names[places].tolist())
        for path, places in zip(query, nearest(blocks, top), strict=True)
    }
    words = conditions(config)
    if len(members) > 1:
        told = _told_apart([member.path for member in members])
        shares = " + ".join(f"{member.share:.2f} x {name}" for member, name in zip(members, told, strict=True))
        words = f"{shares}: {words}"
    return Submission(ranking, len(gallery), words)


def _by_cosine(config: Config) -> Config:
    """The same with the distance that an ensemble's embeddings are made for."""
    test = config.test.model_copy(update={"metric": Distance.COSINE.value})
    return config.model_copy(update={"test": test})


def _told_apart(paths: Sequence[Path]) -> list[str]:
    """The end of each path, as long as it takes to tell it from the others: `epoch-0001.pt`, `a/epoch-0001.pt`."""
    whole = [path.absolute().parts for path in paths]
    told = []
    for own in whole:
        others = [parts for parts in whole if parts != own]
        length = next((n for n in range(1, len(own)) if all(parts[-n:] != own[-n:] for parts in others)), len(own))
        told.append("/".join(own[-length:]))
    return told


def _images(root: Path, folder: str) -> list[str]:
    """The images below `root / folder`, sorted, as paths below `root`. Raises DataError."""
    place = root / folder
    if not place.is_dir():
        raise DataError(
            Finding(
                "missing-folder",
                f"there is no folder {folder} in it",
                file=str(root),
                hint="queries go into query/, the gallery into gallery/; --query and --gallery name other folders",
            )
        )
    found, ignored = scan(root, folder)
    if not found:
        left_out = ", ".join(f"{count} {reason}" for reason, count in sorted(ignored.items()))
        raise DataError(
            Finding(
                "no-images",
                "there is no image in it" + (f"; left out: {left_out}" if left_out else ""),
                file=str(place),
                hint="put the images there, or name another folder",
            )
        )
    return found


def _name(path: str, folder: str) -> str:
    """The image's path below its folder."""
    return path.removeprefix(f"{Path(folder).as_posix()}/")
