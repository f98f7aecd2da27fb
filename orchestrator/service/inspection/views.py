"""What an inspection tells commands, API and pages: how far it is, its numbers, and its queries a page at a time."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "Change",
    "Confusion",
    "Found",
    "Gallery",
    "GroupRow",
    "Image",
    "InspectionState",
    "Looked",
    "MapView",
    "Pair",
    "Queries",
    "QueryOrder",
    "QueryRow",
    "QueryWish",
]


class _View(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class InspectionState(StrEnum):
    """NONE: nobody asked yet. STALE: there is one of an earlier epoch."""

    NONE = "none"
    BUILDING = "building"
    READY = "ready"
    STALE = "stale"
    FAILED = "failed"


class Looked(_View):
    """Where the inspection of a trial (or of the retrained winner: `trial` None) stands."""

    study: str
    trial: int | None = None
    state: InspectionState
    stage: str = Field("", description="what is done now")
    done: int = 0
    total: int = 0
    message: str = Field("", description="why it failed, or cannot be")
    hint: str = ""
    possible: bool = Field(default=True, description="whether there is a checkpoint to inspect")
    epoch: int | None = Field(None, description="epoch of the checkpoint that was inspected")
    newest: int | None = Field(None, description="epoch of the newest checkpoint")
    mark: str = Field("", description="changes when the inspection does")


class Image(_View):
    """An image by its number in the inspection. `camera` is None where nobody knows it."""

    number: int
    identity: str
    camera: int | None
    name: str = Field(description="its path in the data set")


class Found(Image):
    """An image in a query's list."""

    rank: int | None = Field(description="from 1 among those that count; None: left out")
    mark: str = Field(description="right, wrong or same camera")
    distance: float


class QueryRow(Image):
    """A query with the beginning of its list."""

    query: int = Field(description="its number among the queries")
    ap: float | None = Field(description="average precision; None: no image of its identity counts")
    inp: float | None = None
    first_hit: int | None = Field(description="rank of the first right image")
    found: tuple[Found, ...] = ()
    nearest_wrong: Found | None = None
    farthest_right: Found | None = None


class QueryOrder(StrEnum):
    """How queries are sorted; the hardest first, but for BEST."""

    HARDEST = "hardest"
    BEST = "best"
    FIRST_HIT = "first-hit"
    IMPROVED = "improved"
    WORSE = "worse"


class QueryWish(_View):
    """Which queries to show: by camera, identity and AP in [low, high]; `top` images each, page from 1."""

    order: QueryOrder = QueryOrder.HARDEST
    camera: int | None = None
    identity: str = Field("", max_length=200)
    low: float = Field(0.0, ge=0, le=1)
    high: float = Field(1.0, ge=0, le=1)
    page: int = Field(1, ge=1, le=1_000_000)
    size: int = Field(20, ge=1, le=100)
    top: int = Field(10, ge=1, le=100)


class Queries(_View):
    """A page of the queries that a wish is for; `total` of them. `others` are the same queries of another trial."""

    total: int
    page: int
    pages: int
    rows: tuple[QueryRow, ...]
    others: tuple[QueryRow, ...] = ()


class GroupRow(_View):
    """The queries of one camera or identity."""

    name: str
    queries: int
    mean_ap: float
    rank1: float


class Confusion(_View):
    """How many queries of one identity found another one first; an image of each."""

    query: Image
    found: Image
    queries: int


class Pair(_View):
    """A query and one image that is hard for it."""

    query: Image
    found: Found


class Change(_View):
    """Two inspections of the same queries beside each other; means are fractions."""

    improved: int
    worse: int
    same: int
    before: float
    after: float


class Gallery(_View):
    """An inspection without its queries."""

    looked: Looked
    conditions: str
    metrics: dict[str, float]
    counts: dict[str, int]
    top: int
    height: int = Field(description="of the model's input, in pixels")
    width: int
    cameras: tuple[GroupRow, ...]
    identities: tuple[GroupRow, ...] = Field(description="the hardest first")
    confusions: tuple[Confusion, ...]
    confused: int = Field(description="how many pairs of identities are confused at all")
    nearest_wrong: tuple[Pair, ...]
    farthest_right: tuple[Pair, ...]
    maps: tuple[str, ...]
    missing: dict[str, str]


class MapView(_View):
    """Embeddings on a plane, in columns; x and y in [0, 1]. `ap` is None for images that are no query."""

    method: str
    number: tuple[int, ...]
    x: tuple[float, ...]
    y: tuple[float, ...]
    identity: tuple[str, ...]
    camera: tuple[int | None, ...]
    query: tuple[int | None, ...]
    ap: tuple[float | None, ...]
