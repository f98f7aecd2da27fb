"""TEST: how a model is measured. Re-ranking, query expansion and flip features are FastReID's keys."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field

from reid_core.config.schema.section import Fraction, Section

__all__ = ["Test"]

_Scale: TypeAlias = Annotated[float, Field(ge=0.125, le=8.0)]
_Scales: TypeAlias = Annotated[tuple[_Scale, ...], Field(strict=False)]


class QueryExpansion(Section):
    """TEST.AQE."""

    enabled: bool = Field(
        default=False, description="alpha query expansion (Radenovic et al. 2018); plain_mAP is without"
    )
    alpha: float = Field(3.0, ge=0.0, description="exponent of the similarity weights")
    qe_k: int = Field(5, ge=1, description="neighbours averaged, the image itself among them")
    qe_time: int = Field(1, ge=1, description="rounds")


class Dsr(Section):
    """TEST.DSR: for TEST.METRIC dsr."""

    topk: int = Field(30, ge=1, description="with TEST.METRIC dsr: nearest gallery images compared part by part")


class TestFlip(Section):
    """TEST.FLIP."""

    enabled: bool = Field(default=False, description="add the mirrored image's feature, then normalise once")


class PreciseBn(Section):
    """TEST.PRECISE_BN."""

    enabled: bool = Field(
        default=False, description="measure batch-norm statistics anew after the last epoch, before evaluation"
    )
    dataset: str = Field("Market1501", description="not read: they are measured on the images trained on")
    num_iter: int = Field(300, ge=1, description="training batches they are measured over")


class Rerank(Section):
    """TEST.RERANK."""

    enabled: bool = Field(
        default=False, description="k-reciprocal re-ranking (Zhong et al. 2017); plain_mAP is without"
    )
    k1: int = Field(20, ge=1, description="neighbours that have to be mutual")
    k2: int = Field(6, ge=1, description="neighbours of the local query expansion; 1: none")
    lambda_: Fraction = Field(0.3, description="share of the original distance")


class Roc(Section):
    """TEST.ROC."""

    enabled: bool = Field(
        default=False, description="report true positive rates at false positive rates of 1e-4, 1e-3 and 1e-2"
    )


class Test(Section):
    """TEST."""

    eval_period: int = Field(
        20, ge=0, description="evaluate every so many epochs and after the last; 0: only after the last"
    )
    ims_per_batch: int = Field(64, ge=1, le=65536, description="images in a batch")
    metric: str = Field(
        "cosine", description="distance between images; dsr: deep spatial reconstruction (He et al. 2018)"
    )
    thres: Fraction = Field(0.5, description="probability from which an attribute counts as a yes")
    scales: _Scales = Field(
        (1.0,),
        min_length=1,
        max_length=16,
        description="sizes that an image is embedded at, as factors of SIZE_TEST; several are normalised, then summed",
    )
    repeats: int = Field(
        0,
        ge=0,
        le=1000,
        description="galleries of one image an identity, drawn at random, that metrics are means over (VehicleID: 10); "
        "0: the data set's own gallery",
    )
    aqe: QueryExpansion = QueryExpansion()
    dsr: Dsr = Dsr()
    flip: TestFlip = TestFlip()
    precise_bn: PreciseBn = PreciseBn()
    rerank: Rerank = Rerank()
    roc: Roc = Roc()
