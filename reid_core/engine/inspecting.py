"""A checkpoint looked into: which query finds what, and where its embeddings lie."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from reid_core.config import Config
from reid_core.data.parts import EvaluationData
from reid_core.engine import durable
from reid_core.engine.compute import Compute
from reid_core.engine.inference import load_model
from reid_core.engine.inspection_folder import Group, Inspection, Words, read_inspection, write_inspection
from reid_core.engine.measuring import Embedded, conditions, embedded
from reid_core.errors import UsageError
from reid_core.evaluation import Ranking, rank_blocks, retrieval_metrics
from reid_core.evaluation.embedding_map import METHODS, chosen_points, embedding_maps, missing_method
from reid_core.evaluation.inspection import Lists, ListsCollector, confusions
from reid_core.results import Protocol
from reid_core.signs import heard_by
from reid_core.tasks.reid.task import groups
from reid_core.tasks.task import task_of

__all__ = ["inspect_checkpoint"]

Progress = Callable[[str, int, int], None]


def inspect_checkpoint(
    config: Config,
    path: Path,
    folder: Path,
    protocol: Protocol,
    *,
    top: int,
    points: int,
    threads: int | None,
    progress: Progress,
) -> Inspection:
    """See `reid_core.api.inspect`."""
    digest = durable.sha256_of(path)
    known = read_inspection(folder)
    same = known is not None and (known.words.checkpoint, known.words.protocol) == (digest, protocol)
    if known is not None and same and known.words.top >= top:
        return known
    compute = Compute.of(config)
    progress("reading the data", 0, 1)
    data = task_of(config).evaluations(config, protocol, threads=threads)[0]
    if not isinstance(data, EvaluationData):
        message = f"the task {config.task.name} ranks no gallery: an inspection is not for this task"
        raise UsageError(message, hint="tasks with queries and a gallery have one: reid, retrieval, partial, vehicle")
    model, state = load_model(config, path, compute)
    batches = sum(-(-len(images) // config.test.ims_per_batch) for images in data.pixels)
    with heard_by(_counter("embedding", batches, progress)):
        one = embedded(model, data, config, compute, epoch=state.epoch)
    collector = ListsCollector(one.labels, top=top)
    progress("ranking", 0, 1)
    ranking = rank_blocks(collector.watch(one.distances(config, compute.device)), one.labels)
    words = Words(
        checkpoint=digest,
        epoch=state.epoch,
        protocol=protocol.value,
        task=config.task.name,
        conditions="; ".join(filter(None, (f"{protocol}: {data.sentence}", conditions(config)))),
        top=top,
        metrics=retrieval_metrics(ranking),
        counts=ranking.counts,
        identities=_identities(data),
        images=_paths(data),
        first_camera=data.first_camera,
        size=tuple(config.input.size_test),
        groups=_groups(ranking, data),
        missing={name: why for name in METHODS if (why := missing_method(name))},
    )
    made = _inspection(words, data, one, ranking, collector.result(), points, progress)
    write_inspection(folder, made)
    return made


def _inspection(
    words: Words,
    data: EvaluationData,
    one: Embedded,
    ranking: Ranking,
    lists: Lists,
    points: int,
    progress: Progress,
) -> Inspection:
    place = {path: number for number, path in enumerate(words.images)}
    query = np.array([place[record.path] for record in data.query.records], np.int32)
    gallery = np.array([place[record.path] for record in data.gallery.records], np.int32)
    label, camera = np.empty(len(place), np.int64), np.empty(len(place), np.int64)
    features = np.empty((len(place), one.gallery.shape[1]), np.float32)
    for part, images, rows in ((data.query, query, one.query), (data.gallery, gallery, one.gallery)):
        label[images], camera[images], features[images] = part.labels, part.camids, rows
    chosen = _points(query, len(place), points)
    return Inspection(
        words=words,
        label=label,
        camera=camera,
        query_image=query,
        gallery_image=gallery,
        valid=ranking.valid,
        ap=ranking.ap,
        inp=ranking.inp,
        first_hit=ranking.first_hit,
        lists=lists,
        confusion=np.array(confusions(lists, one.labels), np.int64).reshape(-1, 3),
        points=chosen,
        maps=embedding_maps(features[chosen], progress=lambda done, of: progress("embedding maps", done, of)),
    )


def _points(query: npt.NDArray[np.int32], images: int, most: int) -> npt.NDArray[np.int32]:
    """The images of the map: at most half of them queries, the others from the rest."""
    asked = np.unique(query)
    asked = asked[chosen_points(len(asked), max(most - (images - len(asked)), most // 2))]
    rest = np.setdiff1d(np.arange(images), query)
    return np.sort(np.concatenate([asked, rest[chosen_points(len(rest), most - len(asked))]])).astype(np.int32)


def _paths(data: EvaluationData) -> tuple[str, ...]:
    return tuple(sorted({record.path for part in (data.query, data.gallery) for record in part.records}))


def _identities(data: EvaluationData) -> tuple[str, ...]:
    """The names of the labels, in their order."""
    names = {
        label: record.pid
        for part in (data.query, data.gallery)
        for label, record in zip(part.labels.tolist(), part.records, strict=True)
    }
    return tuple(names.get(label, "") for label in range(max(names) + 1))


def _groups(ranking: Ranking, data: EvaluationData) -> dict[str, tuple[Group, ...]]:
    return {
        kind: tuple(Group(one.name, one.size, one.metrics["mAP"], one.metrics["rank1"]) for one in found)
        for kind, found in groups(ranking, data).items()
    }


def _counter(stage: str, of: int, progress: Progress) -> Callable[[], None]:
    """Counts signs of life: one comes with every batch."""
    done = -1

    def count() -> None:
        nonlocal done
        done = min(done + 1, of)
        progress(stage, done, of)

    return count
