"""What to do about a request that is not understood: the verbs there are, and how a body is sent."""

from __future__ import annotations

import re
from http import HTTPStatus

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from dashboards.errors import ErrorView, FindingView

__all__ = ["explained"]

_VERB = re.compile(r"/api/v1/studies/[^/]+/(trials/[^/]+/)?[^/]+")
_PLACES = ("/api/v1/studies/{study}/trials/{trial}/", "/api/v1/studies/{study}/")


def explained(request: Request, status: int, error: Exception, view: ErrorView) -> ErrorView:
    """The description of an error with what this request lacks, where that is known."""
    if isinstance(error, RequestValidationError):
        return _body(request, error, view)
    verb = _VERB.fullmatch(request.url.path)
    if verb is None or request.method != "POST" or status not in {HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}:
        return view
    if view.hint or view.code not in {"not-found", "method-not-allowed"}:
        return view  # the study or the trial is what is not there
    verbs = ", ".join(_verbs(request, _PLACES[0] if verb[1] else _PLACES[1]))
    return view.model_copy(update={"message": "there is no such verb", "hint": f"POST one of {verbs}"})


def _verbs(request: Request, place: str) -> list[str]:
    """The last words of the routes that are POSTed right below a place."""
    paths = [path for path, verbs in request.app.openapi()["paths"].items() if "post" in verbs]
    return sorted(
        {path.removeprefix(place) for path in paths if path.startswith(place) and path.count("/") == place.count("/")}
    )


def _body(request: Request, error: RequestValidationError, view: ErrorView) -> ErrorView:
    """A body that is not JSON, or does not say that it is, in words instead of pydantic's."""
    for fault in error.errors():
        if fault["type"] == "json_invalid":
            why = fault.get("ctx", {}).get("error", "it cannot be read")
            return _said(view, "json-invalid", f"the body is no JSON: {why} (at character {fault['loc'][-1]})")
        if tuple(fault["loc"]) == ("body",) and fault["type"] != "missing" and not _says_json(request):
            told = _said(view, "content-type", "the body does not say that it is JSON")
            return told.model_copy(update={"hint": "send Content-Type: application/json"})
    return view


def _says_json(request: Request) -> bool:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/json" or kind.endswith("+json")


def _said(view: ErrorView, code: str, message: str) -> ErrorView:
    return view.model_copy(update={"message": message, "findings": (FindingView(code=code, message=message),)})
