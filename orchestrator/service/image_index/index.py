"""Indexes of images: build, add, remove, look, search, compare; what stands behind `index` and `search`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from orchestrator.service.image_index.sources import VECTORS, embedded, image_items, stored_vectors, written_for
from orchestrator.service.image_index.views import AgreementView, HitView, IndexView, QueryView, SearchView, WrittenView
from orchestrator.service.model_out.named import model_file
from reid_core.data.sources import EncodedImage
from reid_core.errors import DataError, NotFound, UsageError
from reid_core.gallery.index import GalleryIndex, open_index
from reid_core.gallery.items import Item, places
from reid_core.gallery.manifest import MANIFEST, ThresholdMark
from reid_core.gallery.structure import Asked
from reid_core.gallery.vectors import NOBODY, Floats, Hits
from reid_core.gallery.writer import IndexWriter, create_index, writing

if TYPE_CHECKING:
    from reid_core.embedder import Embedder

__all__ = ["Sources", "add", "build", "calibrate", "compare", "index_view", "query_views", "remove", "search"]

DEFAULT_FPR = 1e-3
"""The rate of false pairs that the kept threshold allows."""
Progress = Callable[[int, int], None]
Log = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Sources:
    """What to put in: paths of images, folders, lists and manifests, or of files of vectors; or a data set's split."""

    paths: tuple[str, ...] = ()
    data: str = ""
    split: str = "gallery"
    manifest: Path | None = None
    skip_bad: bool = False

    def vectors(self) -> list[Path]:
        """The files of vectors among the paths. Raises UsageError when images stand beside them."""
        found = [Path(path) for path in self.paths if Path(path).suffix.lower() in VECTORS]
        if found and (len(found) < len(self.paths) or self.data):
            raise UsageError("vectors and images do not go together", hint="add them one after the other")
        if self.manifest is not None and len(found) != 1:
            raise UsageError("--manifest names the rows of one .npy file")
        return found


def build(folder: Path, sources: Sources, model: str = "", *, kind: Asked = "auto", **options: object) -> WrittenView:
    """A new index in `folder`; what stopped half-way goes on with `add`. Options are those of `add`.

    Raises Conflict when there is one, NotFound, DataError, UsageError for images without a model.
    """
    files = sources.vectors()
    if (folder / MANIFEST).exists():
        create_index(folder, 1)  # says so
    if files:
        dim = next((part.shape[1] for part, _ in stored_vectors(files[0], sources.manifest)), 0)
        if not dim:
            raise UsageError(f"{files[0]} holds no vectors")
        create_index(folder, dim, model=_maker(model, files[0]), kind=kind)
        return add(folder, sources, model, **options)  # type: ignore[arg-type]  # the same options
    items = image_items(sources.paths, data=sources.data, split=sources.split)  # before a model is loaded
    embedder = _opened(model)
    create_index(folder, embedder.dim, model=embedder.name, kind=kind)
    return add(folder, sources, model, items=items, embedder=embedder, **options)  # type: ignore[arg-type]


def add(
    folder: Path,
    sources: Sources,
    model: str = "",
    *,
    items: list[Item] | None = None,
    embedder: Embedder | None = None,
    wait: float = 60.0,
    progress: Progress | None = None,
    log: Log | None = None,
) -> WrittenView:
    """Add images or vectors; files that are in the index already are skipped. `progress` hears (done, total).

    A file is the same however its path is spelled; the index keeps the first spelling. `items` are the images of
    `sources`, `embedder` is `model`, where they are known already: standard input is read once.

    Raises NotFound, Conflict for another model's index or a writer that is there longer than `wait`, DataError.
    """
    began, bad, files = time.perf_counter(), list[str](), sources.vectors()
    index = open_index(folder)
    if files:
        for file in files:
            index.check_model(_maker(model, file))
        wanted: list[Item] = []
    else:
        wanted = items or image_items(sources.paths, data=sources.data, split=sources.split)
        embedder = embedder or _opened(model)
        index.check_model(embedder.name)
    with writing(folder, wait=wait, log=log) as writer:
        known = set(places(writer.index().files()))
        fresh = _not_in(known, wanted)
        if files:
            parts: Iterable[tuple[Floats, list[Item]]] = (
                part for file in files for part in stored_vectors(file, sources.manifest)
            )
        else:
            assert embedder is not None  # noqa: S101 - opened above
            parts = embedded(fresh, embedder, bad if sources.skip_bad else None)
        added, skipped = _put(writer, parts, known, len(fresh) or None, progress)
    if added:
        _keep_threshold(folder, wait)
    took = time.perf_counter() - began
    return WrittenView(
        added=added,
        skipped=skipped + len(wanted) - len(fresh),
        bad=tuple(bad),
        seconds=took,
        images_per_second=added / took,
        index=index_view(folder),
    )


def _put(
    writer: IndexWriter,
    parts: Iterable[tuple[Floats, list[Item]]],
    known: set[str],
    total: int | None,
    progress: Progress | None,
) -> tuple[int, int]:
    """Add part by part, durably, but what lies at a `known` place; how many were added, and how many were there."""
    added = skipped = 0
    for vectors, items in parts:
        where = places(item.file for item in items)
        new = [row for row, place in enumerate(where) if not place or place not in known]
        whole = len(new) == len(items)
        writer.add(vectors if whole else vectors[new], items if whole else [items[row] for row in new])
        added, skipped = added + len(new), skipped + len(items) - len(new)
        if progress is not None:
            progress(added, total or added)
    return added, skipped


def _not_in(known: set[str], items: Sequence[Item]) -> list[Item]:
    where = places(item.file for item in items)
    return [item for place, item in zip(where, items, strict=True) if place not in known]


def remove(
    folder: Path, *, files: Sequence[str] = (), pids: Sequence[str] = (), ids: Sequence[int] = (), wait: float = 60.0
) -> WrittenView:
    """Remove what has one of the files, identities or ids. Raises NotFound when nothing has, Conflict."""
    began = time.perf_counter()
    with writing(folder, wait=wait) as writer:
        gone, people = set(places(files)), set(pids)
        found = set(ids)
        if gone or people:
            rows = list(writer.index().rows())
            where = places(item.file for _, item in rows)
            found |= {
                id_ for place, (id_, item) in zip(where, rows, strict=True) if place in gone or item.pid in people
            }
        removed = writer.remove(found)
        if not removed:
            raise NotFound(f"nothing in {folder} has these files, identities or ids", hint="nothing was removed")
    return WrittenView(removed=removed, seconds=time.perf_counter() - began, index=index_view(folder))


def calibrate(
    folder: Path,
    sources: Sources | None = None,
    model: str = "",
    *,
    fpr: float = DEFAULT_FPR,
    distance: float | None = None,
    wait: float = 60.0,
    log: Log | None = None,
) -> IndexView:
    """Keep a threshold for `identify`: the distance given, or the one that accepts a share `fpr` of false pairs.

    The pairs are those of the labelled images of `sources`, embedded by the index's `model`; without any, the index's
    own. `log` hears of images that are left out. Raises DataError without identities, Conflict for another model.
    """
    from reid_core.gallery.labelled import calibrated  # noqa: PLC0415

    mark = ThresholdMark(distance=distance, source="given", kept=True) if distance is not None else None
    if mark is None and sources is not None and (sources.paths or sources.data):
        mark = _elsewhere(open_index(folder), sources, model, fpr, log)
    with writing(folder, wait=wait) as writer:
        writer.set_threshold(mark or calibrated(writer.index(), fpr))
    return index_view(folder)


def _elsewhere(index: GalleryIndex, sources: Sources, model: str, fpr: float, log: Log | None = None) -> ThresholdMark:
    """The threshold between other images than the index's: only those that are drawn are embedded."""
    from reid_core.gallery.labelled import drawn_labelled, threshold_between  # noqa: PLC0415

    items, bad = image_items(sources.paths, data=sources.data, split=sources.split), list[str]()
    embedder = _opened(model)
    index.check_model(embedder.name)
    drawn = [items[row] for row in drawn_labelled(items)]
    parts = list(embedded(drawn, embedder, bad if sources.skip_bad else None))
    if log is not None and bad:
        log("\n".join(f"does not decode: {file}" for file in bad))
    vectors = np.concatenate([np.empty((0, embedder.dim), np.float32), *(part for part, _ in parts)])
    name = f"{sources.data}, {sources.split}" if sources.data else ", ".join(sources.paths)
    mark = threshold_between(vectors, [item for _, some in parts for item in some], fpr, name)
    return mark.model_copy(update={"kept": True})


def _keep_threshold(folder: Path, wait: float) -> None:
    """After a change, where there are identities; one that was given, or measured on other images, stays."""
    kept = open_index(folder).state.threshold
    if kept is not None and (kept.kept or kept.fpr is None):
        return
    try:
        calibrate(folder, fpr=DEFAULT_FPR if kept is None or kept.fpr is None else kept.fpr, wait=wait)
    except DataError:
        return  # no identities, no threshold: `info` shows none, `identify` asks for one


def index_view(folder: Path) -> IndexView:
    """The index as it is now. Raises NotFound, DataError."""
    index = open_index(folder)
    state, mark = index.state, index.state.structure
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return IndexView(
        folder=str(folder),
        rows=len(index),
        dim=state.dim,
        model=state.model,
        generation=state.generation,
        kind=mark.kind if mark else "flat",
        recall=mark.recall if mark and mark.recall is not None else 1.0,
        sample=mark.sample if mark else 0,
        later=state.next_id - mark.until if mark else 0,
        removed=state.removed_rows,
        bytes=size,
        threshold=state.threshold.distance if state.threshold else None,
        fpr=state.threshold.fpr if state.threshold else None,
        tpr=state.threshold.tpr if state.threshold else None,
        threshold_source=state.threshold.source if state.threshold else "",
    )


def search(
    folder: Path,
    images: Sequence[str],
    model: str,
    *,
    top: int = 10,
    rerank: bool = False,
    piped: dict[str, EncodedImage] | None = None,
) -> SearchView:
    """The nearest of each image; one on standard input goes to `piped` too.

    Raises NotFound, Conflict for another model's index, DataError.
    """
    index, piped = open_index(folder), {} if piped is None else piped
    files = [item.file for item in image_items(images, piped=piped)]
    embedder = _opened(model)
    index.check_model(embedder.name)
    queries = embedder.embed_files([piped.get(file) or Path(file) for file in files])
    began = time.perf_counter()
    hits = index.reranked(queries, top) if rerank else index.search(queries, top)
    took = time.perf_counter() - began
    return SearchView(
        index=str(folder), model=embedder.name, reranked=rerank, seconds=took, queries=query_views(index, files, hits)
    )


def query_views(index: GalleryIndex, files: Sequence[str], hits: Hits) -> tuple[QueryView, ...]:
    """Hits with the items that they stand for."""
    made = []
    for file, ids, distances in zip(files, hits.ids.tolist(), hits.distances.tolist(), strict=True):
        found = [_hit(index, id_, far) for id_, far in zip(ids, distances, strict=True) if id_ != NOBODY]
        made.append(QueryView(file=file, hits=tuple(found)))
    return tuple(made)


def compare(left: Path, right: Path, k: int = 10) -> AgreementView:
    """Two models' indexes over the same files. Raises NotFound, DataError."""
    from dataclasses import asdict  # noqa: PLC0415

    from reid_core.gallery.agreement import agreement  # noqa: PLC0415

    first, second = open_index(left), open_index(right)
    found = agreement(first, second, k)
    names = [index.state.model or str(index.folder) for index in (first, second)]
    return AgreementView(left=names[0], right=names[1], **asdict(found))


def _hit(index: GalleryIndex, id_: int, distance: float) -> HitView:
    item = index.item(id_)
    return HitView(id=id_, distance=distance, file=item.file, pid=item.pid, camid=item.camid, fields=dict(item.fields))


def _opened(model: str) -> Embedder:
    from reid_core.embedder import open_embedder  # noqa: PLC0415 - vectors need no model

    if not model:
        raise UsageError("images need a model that embeds them", hint="name it with --model STUDY or --model FILE")
    return open_embedder(model_file(model))


def _maker(model: str, vectors: Path) -> str:
    """The name of the model that made `vectors`: what their file says; else of the study or file `model`, else `model`.

    A `model` that is neither study nor file is a name by itself, and goes before what the file says.
    """
    try:
        found = model_file(model) if model else None
    except NotFound:
        return model
    return written_for(vectors) or (_opened(str(found)).name if found else "")
