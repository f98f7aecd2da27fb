"""Inspections over HTTP: build one, read its numbers, see its images; of a trial or of the retrained winner."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from pydantic import Field

from dashboards.refs import StudyRef, TrialRef
from orchestrator.service.inspection.gallery import Galleries
from orchestrator.service.inspection.images import ImageSize
from orchestrator.service.inspection.views import Gallery, Looked, MapView, Queries, QueryWish

__all__ = ["Number", "add_inspections", "picture"]

Number = Annotated[int, Path(ge=0, le=100_000_000, description="number of the image in the inspection")]
_Top = Annotated[int, Query(ge=1, le=100, description="images of a query's list")]


class Beside(QueryWish):
    """Which queries to show, and beside which trial's."""

    against: int | None = Field(None, ge=0, description="a trial whose queries stand beside these")


class Model(NamedTuple):
    """Whose inspection a path names: a trial's, or the retrained winner's (None)."""

    study: str
    trial: int | None


def _trial(study: StudyRef, trial: TrialRef) -> Model:
    return Model(study, trial)


def _winner(study: StudyRef) -> Model:
    return Model(study, None)


def add_inspections(router: APIRouter, galleries: Galleries) -> None:
    """Every route, for trials and for the winner; only a trial's queries can stand beside another trial's."""
    _add(router, galleries, "trials/{trial}", _trial, "trials")
    _add(router, galleries, "winner", _winner, "studies")

    def queries(study: StudyRef, trial: TrialRef, wish: Annotated[Beside, Query()]) -> Queries:
        """A page of a trial's queries with the beginning of their lists."""
        return galleries.queries(study, trial, wish, wish.against)

    def winner_queries(study: StudyRef, wish: Annotated[QueryWish, Query()]) -> Queries:
        """A page of the retrained winner's queries with the beginning of their lists."""
        return galleries.queries(study, None, wish)

    router.add_api_route("/studies/{study}/trials/{trial}/inspection/queries", queries, tags=["trials"])
    router.add_api_route("/studies/{study}/winner/inspection/queries", winner_queries, tags=["studies"])


def picture(galleries: Galleries, study: str, trial: int | None, number: int, size: ImageSize, known: str) -> Response:
    """An image; 304 when the client has it. Its address holds the inspection's mark: it never changes."""
    found = galleries.image(study, trial, number, size)
    etag = f'"{found.mark}"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=31536000, immutable"}
    if etag in {part.strip() for part in known.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.body, media_type="image/jpeg", headers=headers)


def _add(router: APIRouter, galleries: Galleries, whose: str, of: Callable[..., Model], tag: str) -> None:
    base = f"/studies/{{study}}/{whose}/inspection"
    add = partial(router.add_api_route, tags=[tag])
    named: Model = Depends(of)

    def state(model: Model = named) -> Looked:
        """How far the inspection of a model is: none, building, ready, stale or failed."""
        return galleries.look(*model)

    def build(top: _Top = 20, model: Model = named) -> Looked:
        """Inspect a trial's newest checkpoint, or the retrained winner, in the background, one at a time."""
        return galleries.start(*model, top=top)

    def gallery(model: Model = named) -> Gallery:
        """Metrics by camera and identity, hardest pairs, confused identities of a model."""
        return galleries.gallery(*model)

    def embedding_map(method: str = "tsne", model: Model = named) -> MapView:
        """The embeddings of a model's images on a plane: pca, tsne or umap."""
        return galleries.map(*model, method)

    def image(
        number: Number,
        size: ImageSize = ImageSize.THUMB,
        if_none_match: Annotated[str, Header()] = "",
        model: Model = named,
    ) -> Response:
        """An image of the inspection as JPEG."""
        return picture(galleries, *model, number, size, if_none_match)

    add(base, state)
    add(base, build, methods=["POST"])
    add(f"{base}/gallery", gallery)
    add(f"{base}/map", embedding_map)
    add(f"{base}/images/{{number}}", image, response_class=Response)
