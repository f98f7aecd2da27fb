"""What a study is given besides its space: limits, configurations to try first, earlier results, confirmations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from orchestrator.events import EarlierResult, Limits, Origin, Teacher
from orchestrator.search import GRID
from orchestrator.search.confirm import FINALISTS
from orchestrator.search.cube import Cube
from orchestrator.service.given_views import WarmStartView
from orchestrator.service.views import StudyRequest
from reid_core.config import Values
from reid_core.errors import Finding, InvalidInput
from search_spaces.model import Space

__all__ = ["Given", "check_given", "check_room", "confirm_epochs", "confirm_of", "warm_start_views"]


@dataclass(frozen=True, slots=True)
class Given:
    """Checked, and ready for StudyCreated."""

    limits: Limits = field(default_factory=Limits)
    enqueued: tuple[Values, ...] = ()
    earlier: tuple[EarlierResult, ...] = ()
    confirm: int = 0
    teachers: tuple[Teacher, ...] = ()


def confirm_of(request: StudyRequest, space: Space) -> int:
    """New seeds for each finalist: the option, else the space's own number."""
    return space.search.confirm if request.confirm is None else request.confirm


def confirm_epochs(confirm: int, max_epochs: int, trials: int = FINALISTS) -> int:
    """What confirming the finalists of a search over `trials` configurations costs at most."""
    return min(FINALISTS, trials) * confirm * max_epochs


def check_given(request: StudyRequest, space: Space, algorithm: str) -> None:
    """Raise InvalidInput for options that a grid has no use for: nothing is chosen there."""
    if algorithm != GRID:
        return
    found: list[Finding] = []
    for option, given, instead in (
        ("confirm", confirm_of(request, space), "use --seeds: a grid trains every configuration with each of them"),
        ("enqueue", request.enqueue, "leave it out: a grid tries every configuration of its list"),
        ("warm-start", request.warm_start, "leave it out: a grid has no model that could use earlier results"),
    ):
        if given:
            message = f"--{option} has no use in a grid, where nothing is searched"
            key = option.replace("-", "_")
            found.append(Finding(f"{option}-needs-search", message, file=f"--{option}", key=key, hint=instead))
    if found:
        raise InvalidInput(found)


def check_room(request: StudyRequest, space: Space, base: Values, enqueued: Sequence[Values], trials: int) -> None:
    """Raise InvalidInput when the plan ends before every configuration that is to come first has had its turn."""
    first = [one.origin for one in Cube(space, base, enqueued=enqueued).opening] if enqueued else []
    last = max((place for place, origin in enumerate(first, start=1) if origin is Origin.USER), default=0)
    if last > trials:
        file = request.enqueue_file or "--enqueue"
        told = f"the plan ends after {trials} trial{'s' * (trials != 1)}"
        message = f"{told}, and the last enqueued configuration would be number {last}"
        hint = f"give at least --trials {last}: the default configuration comes first"
        raise InvalidInput(Finding("too-many-enqueued", message, file=file, key="enqueue", hint=hint))


def warm_start_views(earlier: Sequence[EarlierResult]) -> tuple[WarmStartView, ...]:
    """The earlier studies by name, each with its number of results."""
    counts = Counter(result.study for result in earlier)
    same = {result.study: result.same_data for result in earlier}
    return tuple(WarmStartView(study=name, results=count, same_data=same[name]) for name, count in counts.items())
