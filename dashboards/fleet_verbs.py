"""What the list of studies does to those that are chosen: archive, delete, tag, note, pause, stop, copy; one answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dashboards.errors import describe
from dashboards.flash import Flash
from orchestrator.service.errors import NotFound, ReidTuneError, UsageError
from orchestrator.service.fleet.studies import free_name
from orchestrator.service.service import Service
from orchestrator.service.views_acting import CloneRequest, NoteRequest, TagRequest

__all__ = ["MOST", "UNDO", "act"]

MOST = 1000
"""Studies that one form may name."""
UNDO = {"archive": "unarchive", "unarchive": "archive", "pause": "resume"}
"""Verbs that another one takes back."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """One verb for one study; `text` is what was typed beside it."""

    service: Service
    by: str
    text: str

    @property
    def words(self) -> list[str]:
        """What was typed, between commas."""
        return [word.strip() for word in self.text.split(",") if word.strip()]

    def copy(self, study: str) -> str:
        """Start a copy."""
        names = [one.name for one in self.service.studies(archived=True)]
        name = free_name(self.service.summary(study).name, names)
        made = self.service.clone(study, CloneRequest(name=name, launch=True), self.by)
        return f"{made.name} is {made.told}"

    def delete(self, study: str) -> str:
        """Remove a study for good: one that is archived, and whose name is typed. Nothing takes this back."""
        found = self.service.summary(study)
        if not found.archived:
            raise UsageError(
                f"{found.name} is not archived: only archived studies are deleted", hint="archive it first"
            )
        if found.name not in self.words:
            hint = "type it into the field beside the buttons; several with commas"
            raise UsageError(f"{found.name} is deleted for good only where its name is typed", hint=hint)
        gone = self.service.delete(study, self.by)
        return "deleted for good" + (f"; its checkpoints stay at {gone.elsewhere}" if gone.elsewhere else "")

    def tag(self, study: str) -> str:
        """Add tags; one that begins with a minus is taken away."""
        words = self.words
        if not words:
            raise UsageError("no tag is typed", hint="type one, or several with commas; -old takes one away")
        add = tuple(word for word in words if not word.startswith("-"))
        remove = tuple(word[1:].strip() for word in words if word.startswith("-"))
        return self.service.tag(study, TagRequest(add=add, remove=remove), self.by).told

    def note(self, study: str) -> str:
        """Write the note in place of the one before."""
        return self.service.note(study, NoteRequest(text=self.text).text, self.by).told

    def priority(self, study: str) -> str:
        """Change the place in the queue."""
        try:
            wanted = int(self.text)
        except ValueError:
            raise UsageError(f"{self.text!r} is no priority", hint="type a whole number: the higher is first") from None
        if not -1000 <= wanted <= 1000:
            raise UsageError(f"{wanted} is no priority", hint="type a whole number from -1000 to 1000")
        return self.service.share(study, self.by, priority=wanted).told


def act(service: Service, verb: str, studies: list[str], text: str, by: str) -> Flash:
    """Do `verb` to each study; what one refuses, the others do not suffer from. NotFound for a verb that is none."""
    asked = _Asked(service, by, text)
    plain: dict[str, Callable[[str], str]] = {
        "archive": lambda study: service.archive(study, by).told,
        "unarchive": lambda study: service.unarchive(study, by).told,
        "pause": lambda study: service.pause(study, by).told,
        "resume": lambda study: service.resume(study, by).told,
        "stop": lambda study: service.stop(study, by).told,
        "copy": asked.copy,
        "delete": asked.delete,
        "tag": asked.tag,
        "note": asked.note,
        "priority": asked.priority,
    }
    if verb not in plain:
        raise NotFound(f"there is no verb {verb!r} for studies", hint=f"there are {', '.join(plain)}")
    if not studies:
        return Flash(refused=("No study is chosen: tick one or more.",))
    if len(chosen := list(dict.fromkeys(studies))) > MOST:
        return Flash(refused=(f"{len(chosen)} studies are chosen: at most {MOST} at once.",))
    done: list[tuple[str, str]] = []
    refused: list[str] = []
    for study in chosen:
        try:
            found = service.summary(study)
            done.append((found.id, f"{found.name}: {plain[verb](found.id)}"))
        except ReidTuneError as error:
            view = describe(error)
            refused.append(f"{view.message}{'; ' if view.hint else ''}{view.hint}")
    return Flash(
        done=tuple(told for _, told in done),
        refused=tuple(refused),
        undo=UNDO.get(verb, "") if done else "",
        studies=tuple(study for study, _ in done),
    )
