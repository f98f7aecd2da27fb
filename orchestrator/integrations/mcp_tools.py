"""What a coding assistant may ask of the service: plain functions, small answers, by role."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ParamSpec, TypeVar

import anyio
from mcp.server.mcpserver.exceptions import ToolError

from orchestrator.service.audit import Audit, AuditEntry
from orchestrator.service.errors import NotFound, ReidTuneError
from orchestrator.service.fleet.studies import compare
from orchestrator.service.people import Role
from orchestrator.service.service import Service
from orchestrator.service.views import (
    BestView,
    EventView,
    PlanView,
    SpaceView,
    StudyRequest,
    StudySummary,
    TrialDetail,
    TrialRow,
)
from orchestrator.service.views_acting import Acted
from orchestrator.service.views_analysis import AnalysisView

__all__ = ["ACTS", "READS", "Tools"]

BY = "mcp"
"""Who asked, in the logs."""
_MOST_ROWS, _MOST_EVENTS = 200, 200
_LONGEST_WATCH = 55.0  # assistants give a call a minute
_LOOK_SECONDS = 0.25
READS = ("spaces", "space", "plan", "studies", "study", "trials", "trial", "watch", "explain", "compare", "best")
ACTS = ("launch", "pause", "resume", "stop")
Asked = ParamSpec("Asked")
Answer = TypeVar("Answer")


class Tools:
    """The functions behind the tools. Errors are told as `what happened; what to do`, never as a traceback."""

    def __init__(self, service: Service, role: Role) -> None:
        self._service = service
        self._role = role
        self._audit = Audit(service.home.audit)

    def functions(self) -> dict[str, Callable[..., Any]]:
        """By name, those that the role allows: a viewer reads, an operator acts too."""
        names = READS + (ACTS if self._role is Role.OPERATOR else ())
        return {name: getattr(self, name) for name in names}

    def spaces(self) -> list[str]:
        """The names of the search spaces that ship with reid-tune."""
        return [view.name for view in told(self._service.spaces)]

    def space(self, name: str) -> SpaceView:
        """One search space of the catalog: its parameters, recipe, objective and budget."""
        return told(partial(self._space, name))

    def plan(self, request: StudyRequest) -> PlanView:
        """What a study would cost before it is launched: brackets, epochs, wall time and GPU-hours. Starts nothing."""
        return told(partial(self._service.plan, request))

    def studies(self, *, archived: bool = False) -> list[StudySummary]:
        """All studies, newest first: status, best trial so far, epochs spent and planned."""
        return told(partial(self._service.studies, archived=archived))

    def study(self, study: str = "latest") -> StudySummary:
        """One study by name, id or `latest`: status, best so far, epochs, expected seconds left."""
        return told(partial(self._service.summary, study))

    def trials(self, study: str = "latest", limit: int = 20, start: int = 0) -> list[TrialRow]:
        """Trials of a study, those with the highest score first: values, metrics, rung, origin and reason of each.

        At most 200 at once; `start` skips.
        """
        rows = told(partial(self._service.trials, study))
        ranked = sorted(rows, key=lambda row: (row.score is None, -(row.score or 0.0), row.id))
        return ranked[max(0, start) :][: max(1, min(limit, _MOST_ROWS))]

    def trial(self, trial: int, study: str = "latest") -> TrialDetail:
        """One trial in full: configuration, what differs from the default, curves, segments, why it was tried."""
        return told(partial(self._service.trial, study, trial))

    async def watch(self, study: str = "latest", after: int = 0, seconds: float = 30.0) -> list[EventView]:
        """Wait until something happens in a study after event number `after`, and tell it; nothing after `seconds`.

        Ask again with the `seq` of the last event. At most 55 seconds and 200 events a call.
        """
        end = time.monotonic() + min(max(0.0, seconds), _LONGEST_WATCH)
        while True:
            events = await anyio.to_thread.run_sync(told, partial(self._service.events, study, after))
            if events or time.monotonic() >= end:
                return list(events[:_MOST_EVENTS])
            await anyio.sleep(_LOOK_SECONDS)

    def explain(self, study: str = "latest", objective: int = 0) -> AnalysisView:
        """What the results say: importance of parameters, dependence, the model's belief, expected gain of more."""
        return told(partial(self._service.analysis, study, objective))

    def compare(self, studies: list[str]) -> dict[str, Any]:
        """Studies side by side: what was asked of each, what it found, what it spent."""
        found = told(partial(compare, self._service, studies))
        return dict(found.model_dump(mode="json"))

    def best(self, study: str = "latest", pick: str = "") -> BestView:
        """The best trial so far with its metrics; `pick` names an objective where there are several."""
        return told(partial(self._service.winner, study, pick=pick))

    def launch(self, request: StudyRequest) -> StudySummary:
        """Create a study and start it in the background. Ask `plan` first: it costs compute."""
        made: list[str] = []

        def created_and_launched() -> StudySummary:
            made.append(self._service.create(request, BY).id)
            return self._service.launch(made[0], BY)

        return self._acted("launch", made, created_and_launched)

    def pause(self, study: str) -> Acted:
        """Let running epochs end, save them, then rest. `resume` goes on."""
        return self._acted("pause", [study], lambda: self._service.pause(study, BY))

    def resume(self, study: str) -> Acted:
        """Go on with a paused study."""
        return self._acted("resume", [study], lambda: self._service.resume(study, BY))

    def stop(self, study: str) -> Acted:
        """End a study for good; what was found stays."""
        return self._acted("stop", [study], lambda: self._service.stop(study, BY))

    def _space(self, name: str) -> SpaceView:
        names = [view.name for view in self._service.spaces()]
        if name not in names:  # a path would read any file
            raise NotFound(f"the catalog has no space {name}", hint=f"one of {', '.join(names)}")
        return self._service.space(name)

    def _acted(self, what: str, study: Sequence[str], work: Callable[[], Answer]) -> Answer:
        """Do it and note who asked for it, as the pages do; `study` may be known only afterwards, or never."""
        status = 422
        try:
            made = told(work)
            status = 200
        finally:
            entry = AuditEntry(
                at=time.time(),
                what=what,
                who=BY,
                role=self._role.value,
                method="MCP",
                study="".join(study),
                status=status,
            )
            self._audit.write(entry)
        return made


def told(work: Callable[[], Answer]) -> Answer:
    """The answer of `work`; an error of the project's tree as one that an assistant reads. Raises ToolError."""
    try:
        return work()
    except ReidTuneError as error:
        raise ToolError(str(error)) from error
