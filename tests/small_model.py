"""A model that was trained for an epoch in a second, and a folder of images of a few identities with their manifest."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import yaml
from PIL import Image
from trials.spaces import TINY

__all__ = ["small_model", "some_people"]


def small_model(folder: Path, seed: int = 0, settings: Mapping[str, object] | None = None) -> Path:
    """Train, with these keys of the configuration; returns the checkpoint."""
    from reid_core import api
    from reid_core.config import load_config

    # so few steps leave batch norm with the statistics that it began with: every image would look the same
    keys = {**yaml.safe_load(TINY)["fixed"], "SOLVER.MAX_EPOCH": 1, "TEST.PRECISE_BN.ENABLED": True, **(settings or {})}
    result = api.train(load_config("demo", list(keys.items())).config, directory=folder, seed=seed, threads=1)
    assert result.checkpoint is not None
    return Path(result.checkpoint.path)


def some_people(folder: Path, identities: int = 5, cameras: int = 2, images: int = 2) -> list[Path]:
    """Write striped images that tell identities apart, and manifest.csv; returns the images, by identity."""
    folder.mkdir(parents=True, exist_ok=True)
    files, rows = [], ["file,pid,camid,shift"]
    for pid in range(identities):
        look = np.random.default_rng(pid).integers(0, 255, (8, 1, 3))
        for camid in range(cameras):
            for number in range(images):
                noise = np.random.default_rng([pid, camid, number]).integers(-20, 20, (64, 32, 3))
                pixels = np.clip(np.repeat(np.repeat(look, 8, 0), 32, 1) + noise, 0, 255).astype(np.uint8)
                path = folder / f"{pid:02d}_c{camid}_{number}.png"
                Image.fromarray(pixels).save(path)
                files.append(path)
                rows.append(f"{path.name},{pid},{camid},{number}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return files
