"""Measuring a model on the query and gallery images of one protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from reid_core.config import Config
from reid_core.data.loader import EvalBatch, eval_batches
from reid_core.data.parts import EvaluationData, Part
from reid_core.engine.compute import Compute
from reid_core.engine.divergence import not_finite
from reid_core.engine.embedding import embeddings
from reid_core.engine.local_features import local_features
from reid_core.evaluation import (
    Distance,
    Labels,
    Ranking,
    Roc,
    RocCollector,
    distance_blocks,
    dsr_blocks,
    expand_queries,
    rank,
    rank_blocks,
    rerank_blocks,
    retrieval_metrics,
)
from reid_core.modeling import Architecture

__all__ = [
    "Embedded",
    "Measurement",
    "conditions",
    "embedded",
    "embedded_images",
    "embedding_conditions",
    "finite",
    "measure",
    "ranked",
    "refined_distances",
]

_FPRS = {"1e-4": 1e-4, "1e-3": 1e-3, "1e-2": 1e-2}

_Rows = npt.NDArray[np.float32]
_Blocks = Iterator[tuple[slice, _Rows]]


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """A ranking under the conditions of TEST.

    `plain` is the one without query expansion, re-ranking and DSR, where one of them is on; `roc` where TEST.ROC is.
    """

    ranking: Ranking
    plain: Ranking | None = None
    roc: Roc | None = None

    def metrics(self) -> dict[str, float]:
        """mAP, mINP, rank1, rank5, rank10; the same of `plain` as plain_mAP …; tpr_at_fpr_1e-4, _1e-3, _1e-2."""
        metrics = retrieval_metrics(self.ranking)
        if self.plain is not None:
            metrics |= {f"plain_{name}": value for name, value in retrieval_metrics(self.plain).items()}
        if self.roc is not None:
            rates = self.roc.tpr_at(list(_FPRS.values())).tolist()
            metrics |= {f"tpr_at_fpr_{name}": rate for name, rate in zip(_FPRS, rates, strict=True)}
        return metrics


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Queries (Q, D) and gallery (G, D) of one evaluation, whom they show, and how far apart they are.

    `by_parts` are blocks of distances where TEST.METRIC compares parts; they can be gone through once.
    """

    query: _Rows
    gallery: _Rows
    labels: Labels
    metric: Distance
    by_parts: _Blocks | None = None

    def distances(self, config: Config, device: torch.device) -> _Blocks:
        """Blocks of distances under the conditions of TEST, computed on `device`."""
        return self.by_parts or refined_distances(self.query, self.gallery, self.metric, config, device)


def measure(model: Architecture, data: EvaluationData, config: Config, compute: Compute, *, epoch: int) -> Measurement:
    """Embed and rank, under the conditions of TEST, a model after `epoch` epochs.

    Raises TrainingDiverged when an embedding is not finite, DataError when no query has a match, ConfigError when
    the model has no parts to compare with TEST.METRIC dsr.
    """
    one = embedded(model, data, config, compute, epoch=epoch)
    return ranked(one.query, one.gallery, one.labels, one.metric, config, by_parts=one.by_parts, device=compute.device)


def embedded(model: Architecture, data: EvaluationData, config: Config, compute: Compute, *, epoch: int) -> Embedded:
    """The embeddings that `measure` ranks. Raises TrainingDiverged as it does."""
    test = config.test

    def batches(part: Part) -> Iterator[EvalBatch]:
        return eval_batches(part.images, part.camids, test.ims_per_batch)

    def rows_of(part: Part) -> _Rows:
        return embedded_images(model, part, config, compute, epoch=epoch)

    def parted(part: Part) -> _Blocks:
        return local_features(model, batches(part), compute, flip=test.flip.enabled)

    gallery = rows_of(data.gallery)
    query = rows_of(data.query) if data.query_in_gallery is None else gallery[data.query_in_gallery]
    labels = Labels(data.query.labels, data.gallery.labels, data.query.camids, data.gallery.camids)
    by_parts = test.metric == "dsr"
    metric = Distance.COSINE if by_parts else Distance(test.metric)
    blocks = None
    if by_parts:
        query_parts = np.concatenate([rows for _, rows in parted(data.query)])
        blocks = dsr_blocks(query, gallery, query_parts, parted(data.gallery), top=test.dsr.topk)
    return Embedded(query, gallery, labels, metric, blocks)


def ranked(
    query: _Rows,
    gallery: _Rows,
    labels: Labels,
    metric: Distance,
    config: Config,
    *,
    by_parts: _Blocks | None = None,
    device: torch.device | None = None,
) -> Measurement:
    """Rank embeddings (G, D) for each of (Q, D) under the conditions of TEST, or by the distances `by_parts`.

    Products and neighbours are computed on `device`.
    """
    test = config.test
    refined = by_parts is not None or test.aqe.enabled or test.rerank.enabled
    if not (refined or test.roc.enabled):
        return Measurement(rank(query, gallery, labels, metric=metric, device=device))
    blocks = by_parts if by_parts is not None else refined_distances(query, gallery, metric, config, device)
    plain = rank(query, gallery, labels, metric=metric, device=device) if refined else None
    collector = RocCollector(labels, max_fpr=max(_FPRS.values())) if test.roc.enabled else None
    ranking = rank_blocks(collector.watch(blocks) if collector else blocks, labels)
    return Measurement(ranking, plain, collector.result() if collector else None)


def embedded_images(model: Architecture, part: Part, config: Config, compute: Compute, *, epoch: int) -> _Rows:
    """The embeddings (N, D) of a part, with TEST.FLIP and TEST.SCALES. Raises TrainingDiverged as `measure` does."""
    test = config.test
    batches = eval_batches(part.images, part.camids, test.ims_per_batch)
    return finite(embeddings(model, batches, compute, flip=test.flip.enabled, scales=test.scales), epoch)


def finite(rows: _Rows, epoch: int) -> _Rows:
    """The embeddings (N, D) as they are. Raises TrainingDiverged: a distance needs finite squares too."""
    if np.isfinite(np.einsum("nd,nd->n", rows, rows)).all():
        return rows
    raise not_finite("the embeddings", epoch)


def refined_distances(
    query: _Rows, gallery: _Rows, metric: Distance, config: Config, device: torch.device | None = None
) -> _Blocks:
    """Distances after query expansion and then re-ranking, each where it is on, computed on `device`."""
    expansion, reranking = config.test.aqe, config.test.rerank
    if expansion.enabled:
        query, gallery = expand_queries(
            query, gallery, times=expansion.qe_time, k=expansion.qe_k, alpha=expansion.alpha, device=device
        )
    if not reranking.enabled:
        return distance_blocks(query, gallery, metric, device=device)
    settings = {"k1": reranking.k1, "k2": reranking.k2}
    return rerank_blocks(query, gallery, **settings, lambda_=reranking.lambda_, metric=metric, device=device)


def embedding_conditions(config: Config) -> str:
    """How `embedded_images` embeds, in words: flip and scales."""
    test = config.test
    words = ["flipped features added" if test.flip.enabled else "no flip"]
    if test.scales != (1.0,):
        words.append(f"scales {', '.join(f'{scale:g}' for scale in test.scales)}")
    return "; ".join(words)


def conditions(config: Config) -> str:
    """How `measure` does it, in words: distance, flip, query expansion, re-ranking with their parameters."""
    test = config.test
    words = [f"{test.metric} distance"]
    if test.metric == "dsr":
        words = [f"DSR distance among the {test.dsr.topk} nearest by cosine"]
    words.append(embedding_conditions(config))
    if test.aqe.enabled:
        rounds = f"{test.aqe.qe_time} round{'s' if test.aqe.qe_time > 1 else ''}"
        words.append(f"query expansion (k {test.aqe.qe_k}, alpha {test.aqe.alpha:g}, {rounds})")
    if test.rerank.enabled:
        words.append(f"re-ranking (k1 {test.rerank.k1}, k2 {test.rerank.k2}, lambda {test.rerank.lambda_:g})")
    if not (test.aqe.enabled or test.rerank.enabled or test.metric == "dsr"):
        words.append("no query expansion, no re-ranking")
    return "; ".join(words)
