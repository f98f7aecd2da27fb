"""What goes into an index: images of folders, lists, manifests, or vectors that `embed` wrote, with their items."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from orchestrator.service.image_index.piped import STDIN, lines_of, standard_input
from reid_core.data.files import IMAGE_SUFFIXES, scan
from reid_core.data.layouts.manifest import MANIFEST, read_rows
from reid_core.data.records import NO_CAMERA
from reid_core.data.sources import EncodedImage
from reid_core.errors import DataError, Finding, NotFound, UsageError
from reid_core.gallery.items import Item, places
from reid_core.gallery.vectors import Floats

if TYPE_CHECKING:
    from reid_core.embedder import Embedder

__all__ = ["VECTORS", "embedded", "image_items", "stored_vectors", "written_for"]

VECTORS = frozenset({".npy", ".parquet"})
"""Files that hold vectors, not images."""
_CHUNK = 1024
_STORED = 65_536
_OWN = frozenset({"file", "pid", "camid", "split"})


def image_items(
    sources: Sequence[str], *, data: str = "", split: str = "gallery", piped: dict[str, EncodedImage] | None = None
) -> list[Item]:
    """The images that sources name, each once, in their order: folders, image files, manifests (.csv), lists, `-`.

    A folder with a manifest.csv is that manifest; a list has one path a line. `-` is a list on standard input, or one
    image, which goes to `piped`; None: it raises UsageError. An image is the same however it is spelled.

    `data` is a data set of any layout that `train` reads, of which `split` is taken: train, query, gallery, all; or
    validation, the training images of those identities that a search holds out. Raises NotFound, DataError.
    """
    named = [item for source in sources for item in _items_of(source, piped)]
    named += _items_of_data(data, split) if data else []
    found: dict[str, Item] = {}
    for place, item in zip(places(item.file for item in named), named, strict=True):
        found.setdefault(place, item)
    if not found:
        raise UsageError("there are no images to look at", hint="name a folder, image files, a manifest.csv or a list")
    return list(found.values())


def embedded(items: Sequence[Item], embedder: Embedder, bad: list[str] | None) -> Iterator[tuple[Floats, list[Item]]]:
    """Vectors and items, some hundred at a time. Files that do not decode go to `bad`; None: they raise DataError."""
    for start in range(0, len(items), _CHUNK):
        part = list(items[start : start + _CHUNK])
        try:
            yield embedder.embed_files([Path(item.file) for item in part]), part
        except DataError:
            if bad is None:
                raise
            yield _good_ones(part, embedder, bad)


def _good_ones(part: Sequence[Item], embedder: Embedder, bad: list[str]) -> tuple[Floats, list[Item]]:
    from reid_core.data.sources import CorruptImage  # noqa: PLC0415

    pixels, kept = [], []
    for item in part:
        try:
            pixels.append(embedder.read(Path(item.file)))
        except CorruptImage:
            bad.append(item.file)
        else:
            kept.append(item)
    stacked = np.stack(pixels) if pixels else np.empty((0, *embedder.size, 3), np.uint8)
    return embedder.embed(stacked), kept


def stored_vectors(path: Path, manifest: Path | None = None) -> Iterator[tuple[Floats, list[Item]]]:
    """Vectors with items out of a .parquet (columns file, embedding, and any others) or .npy file (N, D).

    A .npy file's items are the rows of `manifest`, in the same order; without one they have no files.
    Raises NotFound, DataError.
    """
    if not path.is_file():
        raise NotFound(f"there is no file {path}", hint="`reid-tune embed` writes .parquet and .npy files")
    yield from _from_parquet(path) if path.suffix == ".parquet" else _from_npy(path, manifest)


def written_for(path: Path) -> str:
    """The name of the model that made the vectors in a .parquet file; empty when it does not say."""
    if path.suffix != ".parquet" or not path.is_file():
        return ""
    import pyarrow.parquet as pq  # noqa: PLC0415

    told = pq.read_schema(path).metadata or {}
    return next((told[key].decode() for key in (b"reid-tune.model", b"model") if key in told), "")


def _from_npy(path: Path, manifest: Path | None) -> Iterator[tuple[Floats, list[Item]]]:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(Finding("bad-vectors", f"is no array of numpy: {error}", file=str(path))) from error
    items = _items_of(str(manifest)) if manifest is not None else None
    if vectors.ndim != 2 or (items is not None and len(items) != len(vectors)):
        rows = "no rows" if items is None else f"{len(items)} rows in {manifest}"
        raise DataError(Finding("bad-vectors", f"holds {vectors.shape}; it must be (N, D) with {rows}", file=str(path)))
    for start in range(0, len(vectors), _STORED):
        part = np.asarray(vectors[start : start + _STORED], np.float32)
        yield part, [Item()] * len(part) if items is None else items[start : start + len(part)]


def _from_parquet(path: Path) -> Iterator[tuple[Floats, list[Item]]]:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.parquet as pq  # noqa: PLC0415

    try:
        table = pq.ParquetFile(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(Finding("bad-vectors", f"is no parquet file: {error}", file=str(path))) from error
    column = next((name for name in ("embedding", "vector") if name in table.schema_arrow.names), "")
    if not column:
        raise DataError(Finding("bad-vectors", "has no column embedding", file=str(path), hint="`embed` writes one"))
    for batch in table.iter_batches(_STORED):
        flat = batch.column(column)
        vectors = np.stack(flat.to_numpy(zero_copy_only=False)) if len(flat) else np.empty((0, 0), np.float32)
        others = batch.select([name for name in batch.schema.names if name != column]).to_pylist()
        yield vectors.astype(np.float32), [_item(row, "") for row in others]


def _items_of(source: str, piped: dict[str, EncodedImage] | None = None) -> list[Item]:
    path = Path(source)
    if source == STDIN:
        return _items_of_stdin(piped)
    if path.is_dir() and (path / MANIFEST).is_file():
        path /= MANIFEST
    if path.is_dir():
        return [Item(str(path / name)) for name in scan(path)[0]]
    if not path.is_file():
        raise NotFound(f"there is no image, folder or list {source}", hint="check the path")
    if path.suffix.lower() in IMAGE_SUFFIXES:
        return [Item(str(path))]
    if path.suffix.lower() == ".csv":
        return [_item(row.fields, str(path.parent)) for row in read_rows(path, ["file"])]
    lines = lines_of(path.read_bytes())
    if lines is None:
        raise DataError(Finding("unknown-source", "is no image, manifest (.csv) or list of paths", file=source))
    return [Item(line) for line in lines]


def _items_of_stdin(piped: dict[str, EncodedImage] | None) -> list[Item]:
    found = standard_input()
    if not isinstance(found, EncodedImage):
        return [Item(line) for line in found]
    if piped is None:
        hint = "save it, and give its path; `embed` and `search` take an image on standard input"
        raise UsageError("- is an image here, and an index keeps images by their paths", hint=hint)
    piped[found.name] = found
    return [Item(found.name)]


def _item(row: dict[str, Any], folder: str) -> Item:
    """A row of a manifest or table: its own columns, and what else it says as free fields."""
    file, camid = str(row.get("file") or ""), row.get("camid")
    extra = {str(name): value for name, value in row.items() if name not in _OWN and _plain(value)}
    known = camid not in {None, ""}
    try:
        camera = int(camid) if known and camid is not None else NO_CAMERA
    except ValueError as error:
        raise DataError(Finding("bad-camera", f"camid {camid!r} is no number", file=file)) from error
    pid = row.get("pid")
    return Item(str(Path(folder, file)) if file and folder else file, "" if pid is None else str(pid), camera, extra)


def _plain(value: object) -> bool:
    return value is not None and isinstance(value, str | int | float | bool)


def _items_of_data(data: str, split: str) -> list[Item]:
    from reid_core.config import Config  # noqa: PLC0415
    from reid_core.data.layouts.recognise import read_dataset  # noqa: PLC0415
    from reid_core.data.pipeline import validation_cut  # noqa: PLC0415
    from reid_core.data.records import JUNK  # noqa: PLC0415

    found = read_dataset(Path(data), skip_bad=True)
    parts = {"train": found.train, "query": found.query, "gallery": found.gallery}
    if split == "validation":
        parts["validation"] = tuple(found.train[row] for row in validation_cut(Config(), found).gallery)
    records = [record for name, part in parts.items() if split in {name, "all"} for record in part]
    return [Item(str(Path(data, one.path)), "" if one.pid == JUNK else one.pid, one.camid) for one in records]
