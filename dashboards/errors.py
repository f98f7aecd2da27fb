"""One JSON shape for every error, and the HTTP status of each kind."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from orchestrator.service.errors import (
    Conflict,
    Finding,
    InvalidInput,
    NotFound,
    ReidTuneError,
    ServerUnreachable,
    UsageError,
)
from orchestrator.service.secrets import redacted

__all__ = ["ErrorBody", "ErrorView", "FindingView", "describe", "explain", "respond", "status_of"]

_STATUS: tuple[tuple[type[ReidTuneError], HTTPStatus, str], ...] = (
    (NotFound, HTTPStatus.NOT_FOUND, "not-found"),
    (Conflict, HTTPStatus.CONFLICT, "conflict"),
    (InvalidInput, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input"),
    (UsageError, HTTPStatus.UNPROCESSABLE_ENTITY, "usage"),
    (ServerUnreachable, HTTPStatus.BAD_GATEWAY, "server-unreachable"),
)


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True)


class FindingView(_Frozen):
    """One fault in an input; `key` names the field of a form or the configuration key."""

    code: str
    message: str
    file: str = ""
    line: int = 0
    col: int = 0
    hint: str = ""
    key: str = ""


class ErrorView(_Frozen):
    """What happened and what to do about it."""

    code: str = Field(description="stable, for programs: not-found, conflict, invalid-input, ...")
    message: str
    hint: str = ""
    findings: tuple[FindingView, ...] = ()


class ErrorBody(_Frozen):
    """The body of every answer that is not a success."""

    error: ErrorView


def _view(finding: Finding) -> FindingView:
    return FindingView(
        code=finding.code,
        message=finding.message,
        file=finding.file,
        line=finding.line,
        col=finding.col,
        hint=finding.hint,
        key=finding.key,
    )


def status_of(error: ReidTuneError) -> tuple[HTTPStatus, str]:
    """The HTTP status and the error code of an error's kind."""
    for kind, status, code in _STATUS:
        if isinstance(error, kind):
            return status, code
    return HTTPStatus.INTERNAL_SERVER_ERROR, "failed"


def describe(error: ReidTuneError) -> ErrorView:
    """The error for a page or a body."""
    findings = error.findings if isinstance(error, InvalidInput) else ()
    _, code = status_of(error)
    return ErrorView(
        code=code,
        message=redacted(error.message),
        hint=error.hint,
        findings=tuple(_view(finding) for finding in findings),
    )


def respond(status: int, error: ErrorView) -> JSONResponse:
    """The JSON answer."""
    return JSONResponse(ErrorBody(error=error).model_dump(mode="json"), status_code=status)


def explain(error: Exception) -> tuple[int, ErrorView]:
    """The status and the description of any error that a handler is registered for."""
    match error:
        case ReidTuneError():
            return status_of(error)[0], describe(error)
        case RequestValidationError():
            return HTTPStatus.UNPROCESSABLE_ENTITY, validation_error(error.errors())
        case HTTPException():
            code = HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
            return error.status_code, ErrorView(code=code, message=str(error.detail))
        case _:
            raise error


def validation_error(faults: Sequence[object]) -> ErrorView:
    """Pydantic's faults as findings, each with the field it belongs to."""
    findings = []
    for fault in faults:
        assert isinstance(fault, dict)  # noqa: S101 - pydantic's documented form
        where = [str(part) for part in fault["loc"] if part not in {"body", "query", "path"}]
        findings.append(FindingView(code=str(fault["type"]), message=str(fault["msg"]), key=".".join(where)))
    return ErrorView(
        code="invalid-input",
        message="; ".join(f"{finding.key or 'body'}: {finding.message}" for finding in findings),
        findings=tuple(findings),
    )
