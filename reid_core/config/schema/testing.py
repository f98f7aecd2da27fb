"""TEST: how a model is measured. Re-ranking, query expansion and flip features are FastReID's keys."""

from __future__ import annotations

from pydantic import Field

from reid_core.config.schema.section import Fraction, Section

__all__ = ["Test"]


class QueryExpansion(Section):
    """TEST.AQE."""

    enabled: bool = Field(default=False, description="alpha query expansion (Radenovic et al. 2018)")
    alpha: float = Field(3.0, ge=0.0, description="exponent of the similarity weights")
    qe_k: int = Field(5, ge=1, description="neighbours averaged")
    qe_time: int = Field(1, ge=1, description="rounds")


class TestFlip(Section):
    """TEST.FLIP."""

    enabled: bool = Field(default=False, description="add the mirrored image's feature")


class PreciseBn(Section):
    """TEST.PRECISE_BN."""

    enabled: bool = Field(default=False, description="measure batch-norm statistics anew before evaluation")
    dataset: str = Field("Market1501", description="data set they are measured on")
    num_iter: int = Field(300, ge=1, description="batches they are measured over")


class Rerank(Section):
    """TEST.RERANK."""

    enabled: bool = Field(default=False, description="k-reciprocal re-ranking (Zhong et al. 2017)")
    k1: int = Field(20, ge=1, description="neighbours")
    k2: int = Field(6, ge=1, description="neighbours of the local query expansion")
    lambda_: Fraction = Field(0.3, description="share of the original distance")


class Roc(Section):
    """TEST.ROC."""

    enabled: bool = Field(default=False, description="report the true positive rate at given false positive rates")


class Test(Section):
    """TEST."""

    eval_period: int = Field(
        20, ge=0, description="evaluate every so many epochs and after the last; 0: only after the last"
    )
    ims_per_batch: int = Field(64, ge=1, le=65536, description="images in a batch")
    metric: str = Field("cosine", description="distance between embeddings")
    aqe: QueryExpansion = QueryExpansion()
    flip: TestFlip = TestFlip()
    precise_bn: PreciseBn = PreciseBn()
    rerank: Rerank = Rerank()
    roc: Roc = Roc()
