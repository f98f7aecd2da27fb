"""The retrieval gallery: which queries fail, why, how it differs from another trial; complete without JavaScript."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field, field_validator

from dashboards.refs import StudyRef, TrialRef
from dashboards.rendering import Renderer
from orchestrator.service.inspection.gallery import Galleries
from orchestrator.service.inspection.views import QueryOrder, QueryWish
from orchestrator.service.service import Service

__all__ = ["gallery_router"]

TABS = {
    "queries": "Queries",
    "hardest": "Hardest pairs",
    "groups": "By camera and identity",
    "confusion": "Confusion",
    "map": "Embedding map",
}
ORDERS = {
    QueryOrder.HARDEST: "hardest first",
    QueryOrder.BEST: "best first",
    QueryOrder.FIRST_HIT: "latest first hit",
    QueryOrder.IMPROVED: "most improved",
    QueryOrder.WORSE: "most worsened",
}
_COMPARING = frozenset({QueryOrder.IMPROVED, QueryOrder.WORSE})
_IN_A_ROW = 10


class Address(BaseModel):
    """What the address of a gallery asks for; AP in percent. An empty field asks for nothing."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    tab: str = Field("queries", pattern="^(queries|hardest|groups|confusion|map)$")
    order: QueryOrder = QueryOrder.HARDEST
    camera: int | None = None
    identity: str = Field("", max_length=200)
    low: float = Field(0.0, ge=0, le=100)
    high: float = Field(100.0, ge=0, le=100)
    page: int = Field(1, ge=1, le=1_000_000)
    query: int | None = Field(None, ge=0, le=100_000_000)
    against: int | None = Field(None, ge=0)

    @field_validator("camera", "query", "against", "low", "high", mode="before")
    @classmethod
    def _empty(cls, value: object, info: object) -> object:
        name = getattr(info, "field_name", "")
        return cls.model_fields[name].default if value == "" else value

    @property
    def wish(self) -> QueryWish:
        """The queries to show; an order that compares two trials needs the other one."""
        order = QueryOrder.HARDEST if self.against is None and self.order in _COMPARING else self.order
        return QueryWish(
            order=order,
            camera=self.camera,
            identity=self.identity,
            low=self.low / 100,
            high=self.high / 100,
            page=self.page,
            top=_IN_A_ROW,
        )

    def but(self, **changes: object) -> str:
        """The same address with some things changed, as `?...`; what is usual is left out."""
        values = {**self.model_dump(mode="json"), **changes}
        usual = {name: field.default for name, field in type(self).model_fields.items()}
        return "?" + urlencode({name: value for name, value in values.items() if value != usual[name]})


def gallery_router(service: Service, render: Renderer, galleries: Galleries) -> APIRouter:
    """The pages of trials' galleries and of the winner's."""
    router = APIRouter(include_in_schema=False)

    def show(request: Request, study: str, trial: int | None, address: Address) -> Response:
        context = _context(service, galleries, study, trial, address)
        return render("gallery.html", request, context)

    def start(study: str, trial: int | None, back: str) -> Response:
        galleries.start(study, trial)
        return RedirectResponse(back, HTTPStatus.SEE_OTHER)

    @router.get("/studies/{study}/trials/{trial}/gallery")
    def trial_gallery(
        request: Request, study: StudyRef, trial: TrialRef, address: Annotated[Address, Query()]
    ) -> Response:
        return show(request, study, trial, address)

    @router.post("/studies/{study}/trials/{trial}/gallery")
    def inspect_trial(study: StudyRef, trial: TrialRef) -> Response:
        return start(study, trial, f"/studies/{study}/trials/{trial}/gallery")

    @router.get("/studies/{study}/winner/gallery")
    def winner_gallery(request: Request, study: StudyRef, address: Annotated[Address, Query()]) -> Response:
        return show(request, study, None, address)

    @router.post("/studies/{study}/winner/gallery")
    def inspect_winner(study: StudyRef) -> Response:
        return start(study, None, f"/studies/{study}/winner/gallery")

    return router


def _context(
    service: Service, galleries: Galleries, study: str, trial: int | None, address: Address
) -> dict[str, object]:
    detail, looked = service.study(study), galleries.look(study, trial)
    place = f"/studies/{detail.id}/" + ("winner" if trial is None else f"trials/{trial}")
    context: dict[str, object] = {
        "study": detail,
        "trial": trial,
        "title": "Retrained winner" if trial is None else f"Trial {trial}",
        "looked": looked,
        "address": address,
        "base": place,
        "tabs": TABS,
        "orders": {
            order: label for order, label in ORDERS.items() if address.against is not None or order not in _COMPARING
        },
        "others": [row.id for row in detail.trials if row.id != trial and row.epoch],
        "gallery": None,
        "queries": None,
        "query": None,
        "other": None,
        "change": None,
        "other_looked": None,
    }
    if not looked.mark:
        return context
    context["gallery"] = galleries.gallery(study, trial)
    against = address.against if trial is not None else None
    if against is not None:
        context["other_looked"] = other = galleries.look(study, against)
        against = against if other.mark else None
    if against is not None:
        context["change"] = galleries.change(study, trial, against)
    if address.tab == "queries":
        context["queries"] = galleries.queries(study, trial, _without(address, against), against)
    if address.query is not None:
        context["query"] = galleries.query(study, trial, address.query)
        context["other"] = None if against is None else galleries.query(study, against, address.query)
    return context


def _without(address: Address, against: int | None) -> QueryWish:
    """The wish, where the other trial has an inspection or not."""
    return address.wish if against is not None else address.model_copy(update={"against": None}).wish
