"""Tags of a study: short words in the order in which they were given."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.service.views_acting import TagRequest
from reid_core.errors import UsageError

__all__ = ["changed_tags"]

_LONGEST, _MOST = 64, 50


def changed_tags(tags: Sequence[str], request: TagRequest) -> tuple[str, ...]:
    """The tags after a request. UsageError for a tag that is no short word, and for too many."""
    for tag in request.add:
        if not tag.strip() or len(tag) > _LONGEST or "," in tag or not tag.isprintable():
            hint = f"use up to {_LONGEST} letters, without commas and line breaks"
            raise UsageError(f"{tag!r} cannot be a tag", hint=hint)
    kept = () if request.clear else tags
    made = tuple(dict.fromkeys(tag for tag in (*kept, *(one.strip() for one in request.add))))
    made = tuple(tag for tag in made if tag not in request.remove)
    if len(made) > _MOST:
        raise UsageError(f"{len(made)} tags are too many", hint=f"a study has at most {_MOST}")
    return made
