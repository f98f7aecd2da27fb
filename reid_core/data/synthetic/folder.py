"""The built-in images as files, for whoever wants to try the way of a folder of photos without having one."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from reid_core.data.sources import Interpolation
from reid_core.data.synthetic.images import SyntheticParameters, synthetic_dataset
from reid_core.errors import Conflict
from reid_core.signs import alive

__all__ = ["write_folder"]

_SIZE = (128, 64)


def write_folder(parameters: SyntheticParameters, folder: Path, progress: Callable[[int, int], None]) -> int:
    """Write every image as JPEG, 128 x 64, with a manifest.csv; `progress` hears of images done and in all.

    How many images there are. Raises Conflict when the folder is there and not empty, OSError when it cannot be
    written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} is there already", hint="name a folder that is new or empty")
    data = synthetic_dataset(parameters)
    split = {"train": data.train, "query": data.query, "gallery": data.gallery}
    rows = [(name, record) for name, records in split.items() for record in records]
    written: set[str] = set()
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        manifest = csv.writer(stream)
        manifest.writerow(("file", "pid", "camid", "split"))
        for done, (name, record) in enumerate(rows, 1):
            file = f"{record.path}.jpg"
            if file not in written:
                written.add(file)
                (folder / file).parent.mkdir(parents=True, exist_ok=True)
                pixels = data.source.decode(record.path, _SIZE, Interpolation.BILINEAR)
                Image.fromarray(pixels).save(folder / file, quality=95)
            manifest.writerow((file, record.pid, record.camid, name))
            alive()
            progress(done, len(rows))
    return len(written)
