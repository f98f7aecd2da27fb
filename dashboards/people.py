"""Who asks: the person behind a request, as pages, API and audit log name them."""

from __future__ import annotations

from fastapi import Request

from orchestrator.service.people import Person, Role

__all__ = ["caller", "may_act", "person_of"]


def person_of(request: Request) -> Person | None:
    """The person that the guard found behind this request; None on a server without logins."""
    found = request.scope.get("state", {}).get("person")
    return found if isinstance(found, Person) else None


def caller(request: Request) -> str:
    """What stands in `by` of a command: the signed-in name and where they ask from, or `web from ADDRESS`."""
    person = person_of(request)
    name = person.name if person is not None and person.name else "web"
    return f"{name} from {request.client.host}" if request.client else name


def may_act(request: Request) -> bool:
    """Whether this request may change something: everybody on a server without logins, operators on others."""
    person = person_of(request)
    return person is None or person.role is Role.OPERATOR
