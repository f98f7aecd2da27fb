"""Inspections over HTTP: build one, read its numbers, see its images; of a trial or of the retrained winner."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import Field

from dashboards.refs import StudyRef, TrialRef
from orchestrator.service.inspection.gallery import Galleries
from orchestrator.service.inspection.images import ImageSize
from orchestrator.service.inspection.views import Gallery, Looked, MapView, Queries, QueryWish

__all__ = ["Number", "add_inspections", "picture"]

Number = Annotated[int, Path(ge=0, le=100_000_000, description="number of the image in the inspection")]
_Top = Annotated[int, Query(ge=1, le=100, description="images of a query's list")]
_Wish = Annotated[QueryWish, Query()]


class Beside(QueryWish):
    """Which queries to show, and beside which trial's."""

    against: int | None = Field(None, ge=0, description="a trial whose queries stand beside these")


def add_inspections(router: APIRouter, galleries: Galleries) -> None:
    """Every route, for trials and for the winner."""
    _add_trials(router, galleries)
    _add_winner(router, galleries)


def picture(galleries: Galleries, study: str, trial: int | None, number: int, size: ImageSize, known: str) -> Response:
    """An image; 304 when the client has it. Its address holds the inspection's mark: it never changes."""
    found = galleries.image(study, trial, number, size)
    etag = f'"{found.mark}"'
    headers = {"ETag": etag, "Cache-Control": "private, max-age=31536000, immutable"}
    if etag in {part.strip() for part in known.split(",")}:
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(found.body, media_type="image/jpeg", headers=headers)


def _add_trials(router: APIRouter, galleries: Galleries) -> None:
    base = "/studies/{study}/trials/{trial}/inspection"
    add = _adder(router, "trials")

    def state(study: StudyRef, trial: TrialRef) -> Looked:
        """How far the inspection of a trial's newest checkpoint is: none, building, ready, stale or failed."""
        return galleries.look(study, trial)

    def build(study: StudyRef, trial: TrialRef, top: _Top = 20) -> Looked:
        """Inspect a trial's newest checkpoint in the background, one at a time on the server's machine."""
        return galleries.start(study, trial, top=top)

    def gallery(study: StudyRef, trial: TrialRef) -> Gallery:
        """Metrics by camera and identity, hardest pairs, confused identities of a trial."""
        return galleries.gallery(study, trial)

    def queries(study: StudyRef, trial: TrialRef, wish: Annotated[Beside, Query()]) -> Queries:
        """A page of a trial's queries with the beginning of their lists."""
        return galleries.queries(study, trial, wish, wish.against)

    def embedding_map(study: StudyRef, trial: TrialRef, method: str = "tsne") -> MapView:
        """The embeddings of a trial's images on a plane: pca, tsne or umap."""
        return galleries.map(study, trial, method)

    def image(
        study: StudyRef,
        trial: TrialRef,
        number: Number,
        size: ImageSize = ImageSize.THUMB,
        if_none_match: Annotated[str, Header()] = "",
    ) -> Response:
        """An image of the inspection as JPEG."""
        return picture(galleries, study, trial, number, size, if_none_match)

    add(base, state)
    add(base, build, "POST")
    add(f"{base}/gallery", gallery)
    add(f"{base}/queries", queries)
    add(f"{base}/map", embedding_map)
    add(f"{base}/images/{{number}}", image, response_class=Response)


def _add_winner(router: APIRouter, galleries: Galleries) -> None:
    base = "/studies/{study}/winner/inspection"
    add = _adder(router, "studies")

    def winner_state(study: StudyRef) -> Looked:
        """How far the inspection of the retrained winner is."""
        return galleries.look(study, None)

    def winner_build(study: StudyRef, top: _Top = 20) -> Looked:
        """Inspect the retrained winner on the test split in the background."""
        return galleries.start(study, None, top=top)

    def winner_gallery(study: StudyRef) -> Gallery:
        """Metrics by camera and identity, hardest pairs, confused identities of the retrained winner."""
        return galleries.gallery(study, None)

    def winner_queries(study: StudyRef, wish: _Wish) -> Queries:
        """A page of the retrained winner's queries with the beginning of their lists."""
        return galleries.queries(study, None, wish)

    def winner_map(study: StudyRef, method: str = "tsne") -> MapView:
        """The embeddings of the retrained winner on a plane: pca, tsne or umap."""
        return galleries.map(study, None, method)

    def winner_image(
        study: StudyRef,
        number: Number,
        size: ImageSize = ImageSize.THUMB,
        if_none_match: Annotated[str, Header()] = "",
    ) -> Response:
        """An image of the winner's inspection as JPEG."""
        return picture(galleries, study, None, number, size, if_none_match)

    add(base, winner_state)
    add(base, winner_build, "POST")
    add(f"{base}/gallery", winner_gallery)
    add(f"{base}/queries", winner_queries)
    add(f"{base}/map", winner_map)
    add(f"{base}/images/{{number}}", winner_image, response_class=Response)


def _adder(router: APIRouter, tag: str) -> Callable[..., None]:
    def add(path: str, endpoint: Callable[..., object], method: str = "GET", **more: object) -> None:
        router.add_api_route(path, endpoint, methods=[method], tags=[tag], **more)  # type: ignore[arg-type]

    return add
