"""What the API does to studies and trials: POST with the verb, DELETE for a study. Asked twice, it is done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request

from dashboards.people import caller
from dashboards.refs import StudyRef, TrialRef
from orchestrator.service.service import Service
from orchestrator.service.views_acting import (
    Acted,
    CloneRequest,
    Deleted,
    EnqueueRequest,
    ExtendRequest,
    LimitsRequest,
    NoteRequest,
    StopRequest,
    StudyDifference,
    TagRequest,
    TrialCloneRequest,
)

__all__ = ["add_verbs"]

_AFTER_EPOCHS = StopRequest()
_NOTHING_MORE = ExtendRequest()


def add_verbs(router: APIRouter, service: Service) -> None:
    """Every verb of studies and trials."""
    _add_plain(router, service)
    _add_study_verbs(router, service)
    _add_deletion(router, service)
    _add_trial_verbs(router, service)


def _add_plain(router: APIRouter, service: Service) -> None:
    """Verbs that take nothing but the name."""

    def study_verb(name: str, act: Callable[[str, str], Acted]) -> None:
        @router.post(f"/studies/{{study}}/{name}", tags=["studies"], name=name, description=act.__doc__)
        def ask(study: StudyRef, request: Request) -> Acted:
            return act(study, caller(request))

    def trial_verb(name: str, act: Callable[[str, int, str], Acted]) -> None:
        @router.post(
            f"/studies/{{study}}/trials/{{trial}}/{name}",
            tags=["trials"],
            name=f"{name}_trial",
            description=act.__doc__,
        )
        def ask(study: StudyRef, trial: TrialRef, request: Request) -> Acted:
            return act(study, trial, caller(request))

    study_verb("pause", service.pause)
    study_verb("resume", service.resume)
    study_verb("archive", service.archive)
    study_verb("unarchive", service.unarchive)
    trial_verb("stop", service.stop_trial)
    trial_verb("retry", service.retry_trial)
    trial_verb("promote", service.promote_trial)
    trial_verb("pin", service.pin_trial)
    trial_verb("unpin", service.unpin_trial)


def _add_study_verbs(router: APIRouter, service: Service) -> None:
    @router.post("/studies/{study}/stop", tags=["studies"])
    def stop(study: StudyRef, request: Request, how: StopRequest = _AFTER_EPOCHS) -> Acted:
        """End a study: what runs saves after its epoch, at its rung, or now; nothing new starts."""
        return service.stop(study, caller(request), at_rung=how.at_rung, now=how.now)

    @router.post("/studies/{study}/extend", tags=["studies"])
    def extend(study: StudyRef, request: Request, more: ExtendRequest = _NOTHING_MORE) -> Acted:
        """Give a study more to do; one that has ended rests then, and can be resumed."""
        return service.extend(study, more, caller(request))

    @router.post("/studies/{study}/limits", tags=["studies"])
    def limits(study: StudyRef, request: Request, wanted: LimitsRequest) -> Acted:
        """Change what ends the search early, from now on; limits that are not named stay."""
        return service.change_limits(study, wanted, caller(request))

    @router.post("/studies/{study}/note", tags=["studies"])
    def note(study: StudyRef, request: Request, wanted: NoteRequest) -> Acted:
        """Write a note beside a study; an empty text takes it away."""
        return service.note(study, wanted.text, caller(request))

    @router.post("/studies/{study}/tag", tags=["studies"])
    def tag(study: StudyRef, request: Request, wanted: TagRequest) -> Acted:
        """Add tags and take tags away."""
        return service.tag(study, wanted, caller(request))

    @router.post("/studies/{study}/clone", tags=["studies"])
    def clone(study: StudyRef, request: Request, wanted: CloneRequest) -> Acted:
        """Record a new study made as this one is now; the answer is the new one."""
        return service.clone(study, wanted, caller(request))

    @router.post("/studies/{study}/enqueue", tags=["trials"])
    def enqueue(study: StudyRef, request: Request, wanted: EnqueueRequest) -> Acted:
        """Let the study try a configuration soon."""
        return service.enqueue(study, wanted, caller(request))

    @router.get("/studies/{study}/diff/{other}", tags=["studies"])
    def diff(study: StudyRef, other: StudyRef) -> StudyDifference:
        """Everything in which two studies differ."""
        return service.diff(study, other)


def _add_deletion(router: APIRouter, service: Service) -> None:
    @router.delete("/studies/{study}", tags=["studies"])
    def delete(
        study: StudyRef,
        keep_files: Annotated[bool, Query(description="leave its folder")] = False,
    ) -> Deleted:
        """Remove a study with its files for good; one that runs is refused."""
        return service.delete(study, keep_files=keep_files)


def _add_trial_verbs(router: APIRouter, service: Service) -> None:
    @router.post("/studies/{study}/trials/{trial}/clone", tags=["trials"], name="clone_trial")
    def clone(study: StudyRef, trial: TrialRef, request: Request, wanted: TrialCloneRequest) -> Acted:
        """Enqueue the trial's configuration with some values changed."""
        return service.clone_trial(study, trial, wanted, caller(request))
