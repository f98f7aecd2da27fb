"""What a person or program sees of an index, a search and a comparison."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "AgreementView",
    "DriftView",
    "HitView",
    "IdentityView",
    "IndexView",
    "QueryView",
    "SearchView",
    "WindowView",
    "WrittenView",
]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class IndexView(_Frozen):
    """An index: `kind` is how it is searched, `recall` at 10 against exact search on `sample` queries (1.0: exact)."""

    folder: str
    rows: int
    dim: int
    model: str = Field(description="the model whose embeddings it holds; empty when nobody said")
    generation: int
    kind: str
    recall: float
    sample: int
    later: int = Field(description="vectors that came after the structure and are compared exactly")
    removed: int = Field(description="removed vectors that still take place")
    bytes: int
    threshold: float | None = Field(description="cosine distance up to which two images show the same identity")
    fpr: float | None
    tpr: float | None
    threshold_source: str = Field("", description="the images that the threshold was measured on")


class WrittenView(_Frozen):
    """What a command did to an index."""

    added: int = 0
    skipped: int = Field(0, description="files that were in the index already")
    bad: tuple[str, ...] = Field((), description="files that do not decode, left out")
    removed: int = 0
    seconds: float
    images_per_second: float = 0.0
    index: IndexView


class HitView(_Frozen):
    """A found image: cosine distance to the query in [0, 2], after re-ranking the re-ranked one."""

    id: int
    distance: float
    file: str
    pid: str
    camid: int
    fields: dict[str, str | int | float | bool | None] = {}


class QueryView(_Frozen):
    """One query and what was found, nearest first."""

    file: str
    hits: tuple[HitView, ...]


class SearchView(_Frozen):
    """The answers of a search."""

    index: str
    model: str
    reranked: bool
    seconds: float
    queries: tuple[QueryView, ...]


class AgreementView(_Frozen):
    """Two models on the same images: see `reid_core.gallery.agreement.Agreement`."""

    left: str
    right: str
    files: int
    queries: int
    k: int
    overlap: float
    first: float
    metrics: tuple[dict[str, float], dict[str, float]] | None


class IdentityView(_Frozen):
    """Who an image shows: `pid` is None when nobody in the index is near enough; `nearest` is the identity then too."""

    pid: str | None
    nearest: str | None = None
    distance: float | None
    threshold: float
    file: str = ""
    next_distance: float | None = Field(None, description="distance of the next other identity")


class WindowView(_Frozen):
    """About a thousand queries in a row: from when to when (Unix seconds), and how they compare."""

    began: float
    ended: float
    observed: int
    median: float
    psi: float
    ks: float
    verdict: str


class DriftView(_Frozen):
    """Distances of the queries of late against the index's own: `verdict` is stable, watch, drift or too few."""

    index: str
    verdict: str
    psi: float
    ks: float
    expected: int
    observed: int
    expected_median: float
    observed_median: float
    psi_watch: float
    psi_alarm: float
    ks_alarm: float
    windows: tuple[WindowView, ...] = ()
