"""Whether two embedders say the same of the same images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from reid_core.config import Config
from reid_core.data.images import ImageArray
from reid_core.data.parts import EvaluationData
from reid_core.embedder import Embedder, Rows
from reid_core.engine.measuring import ranked
from reid_core.evaluation import Distance, Labels
from reid_core.results import Protocol
from reid_core.tasks.task import task_of

__all__ = ["Agreement", "compare", "compared_on_data"]

Places: TypeAlias = npt.NDArray[np.int64]

_TOP = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near the embeddings of a `file` come to those of the `model` that it was made from, on the same images.

    `cosine_mean` and `cosine_min` are over images; `max_difference` over all numbers of the unit rows. `same_first` is
    the share of queries whose nearest gallery image is the same, `top10` the mean share of the ten nearest that both
    have. mAP is that of the data set's protocol, None where the task has none.
    """

    images: int
    cosine_mean: float
    cosine_min: float
    max_difference: float
    same_first: float
    top10: float
    map_model: float | None = None
    map_file: float | None = None

    @property
    def map_drop(self) -> float | None:
        """How much of mAP the file loses, in [-1, 1]."""
        return None if self.map_model is None or self.map_file is None else self.map_model - self.map_file

    def checks(self) -> dict[str, float]:
        """The numbers by name, for a card."""
        return {name: float(value) for name, value in asdict(self).items() if value is not None}


def compare(own: Rows, other: Rows, queries: int, labels: Labels | None = None) -> Agreement:
    """Of unit rows (N, D), the first `queries` of which look for the nearest of the rest.

    With `labels`, images of the same identity in the same camera do not count, as in the protocol: the query itself
    among them.
    """
    cosines = np.einsum("nd,nd->n", own.astype(np.float64), other.astype(np.float64))
    tops = [_nearest(rows[:queries], rows[queries:], labels) for rows in (own, other)]
    shared = [len(set(a) & set(b)) / len(a) for a, b in zip(*(top.tolist() for top in tops), strict=True)]
    return Agreement(
        images=len(own),
        cosine_mean=float(cosines.mean()),
        cosine_min=float(cosines.min()),
        max_difference=float(np.abs(own - other).max()),
        same_first=float((tops[0][:, 0] == tops[1][:, 0]).mean()),
        top10=float(np.mean(shared)),
    )


def compared_on_data(
    model: Embedder,
    file: Embedder,
    config: Config,
    *,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Agreement:
    """Both on the test split of DATASETS: cosine, difference, ranks and, where there are identities, mAP.

    Raises DataError where the data are not there.
    """
    task = task_of(config)
    data = task.evaluations(config, Protocol.TEST, threads=threads)[0]
    parts = [data.query.images, data.gallery.images] if isinstance(data, EvaluationData) else _halves(data.pixels)
    total, done = 2 * sum(map(len, parts)), 0

    def rows(embedder: Embedder) -> list[Rows]:
        nonlocal done
        found = []
        for part in parts:
            chunks = []
            for start in range(0, len(part), embedder.batch):
                stop = min(start + embedder.batch, len(part))
                chunks.append(embedder.embed(part.take(np.arange(start, stop))))
                done += stop - start
                if progress is not None:
                    progress(done, total)
            found.append(np.concatenate(chunks))
        return found

    own, other = rows(model), rows(file)
    labels = _labels(data) if isinstance(data, EvaluationData) else None
    agreement = compare(np.concatenate(own), np.concatenate(other), len(parts[0]), labels)
    if labels is None:
        return agreement
    scores = [_mean_precision(query, gallery, labels, config) for query, gallery in (own, other)]
    return Agreement(**{**asdict(agreement), "map_model": scores[0], "map_file": scores[1]})


def _labels(data: EvaluationData) -> Labels:
    return Labels(data.query.labels, data.gallery.labels, data.query.camids, data.gallery.camids)


def _mean_precision(query: Rows, gallery: Rows, labels: Labels, config: Config) -> float:
    """MAP by the cosine, without re-ranking: what the file gives, and nothing after it."""
    plain = config.test.model_copy(
        update={
            "aqe": config.test.aqe.model_copy(update={"enabled": False}),
            "rerank": config.test.rerank.model_copy(update={"enabled": False}),
            "roc": config.test.roc.model_copy(update={"enabled": False}),
        }
    )
    conditions = config.model_copy(update={"test": plain})
    return ranked(query, gallery, labels, Distance.COSINE, conditions).metrics()["mAP"]


def _nearest(queries: Rows, gallery: Rows, labels: Labels | None) -> Places:
    """The places (Q, 10) of the nearest, best first."""
    top = min(_TOP, len(gallery))
    found = np.empty((len(queries), top), np.int64)
    same = labels.same_identity() if labels is not None else ()
    for row, query in enumerate(queries):
        cosines = gallery @ query
        if labels is not None:
            cosines[labels.split(row, same[row])[1]] = -np.inf
        found[row] = np.argsort(-cosines, kind="stable")[:top]
    return found


def _halves(pixels: object) -> list[ImageArray]:
    """A task without queries: every tenth image looks for the others."""
    arrays = list(pixels) if isinstance(pixels, tuple | list) else []
    whole: ImageArray = arrays[0]
    asked = np.arange(0, len(whole), 10)
    return [whole.subset(asked), whole.subset(np.setdiff1d(np.arange(len(whole)), asked))]
