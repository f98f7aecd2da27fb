"""One finding of the doctor."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from orchestrator.service.secrets import redacted

__all__ = ["Check", "fails", "fine", "warns"]

GIB = 1024**3


class Check(BaseModel):
    """`ok`, what was seen, and what to do when it is not; advice for something that is ok is a warning."""

    model_config = ConfigDict(frozen=True)

    name: str
    ok: bool
    finding: str
    advice: str = Field("", description="what to do; with `ok` a warning")


def fine(name: str, finding: str) -> Check:
    """Nothing to do."""
    return Check(name=name, ok=True, finding=redacted(finding))


def warns(name: str, finding: str, advice: str) -> Check:
    """Studies run, but somebody should know."""
    return Check(name=name, ok=True, finding=redacted(finding), advice=advice)


def fails(name: str, finding: str, advice: str) -> Check:
    """Studies will not run."""
    return Check(name=name, ok=False, finding=redacted(finding), advice=advice)
