"""Configurations that a person wants tried first: checked against the space and completed, before any work."""

from __future__ import annotations

from orchestrator.events import StudyCreated
from orchestrator.search.cube import Cube
from orchestrator.service.views import MOST_ENQUEUED, StudyRequest
from reid_core.config import Value, Values, from_values, suggest
from reid_core.errors import ConfigError, Finding, InvalidInput, SpaceError
from search_spaces.encoding import Encoder, complete, default_values
from search_spaces.equality import index_of
from search_spaces.load import LoadedSpace
from search_spaces.model import Choice, Float, Int

__all__ = ["check_count", "completed", "enqueued_of"]

_MOST_TOLD = 5


def check_count(count: int, file: str) -> None:
    """Raise InvalidInput for more configurations than a study takes; `file` is where they stand."""
    if count > MOST_ENQUEUED:
        message = f"{count} configurations are enqueued, and at most {MOST_ENQUEUED} may be"
        hint = "leave the others to the search, or list them in a space of `rows`"
        raise InvalidInput(Finding("too-many-enqueued", message, file=file, key="enqueue", hint=hint))


def enqueued_of(request: StudyRequest, loaded: LoadedSpace, base: Values) -> tuple[tuple[Values, ...], tuple[str, ...]]:
    """The wanted configurations with the values of every active parameter, and notes about those that are left out.

    What a configuration leaves out is the space's default; one that equals the recipe's own, which comes first anyway,
    or an earlier one is left out. `base` is the configuration that trials start from. Raises InvalidInput with every
    fault: where, which, which key.
    """
    file = request.enqueue_file or "--enqueue"
    check_count(len(request.enqueue), file)
    checker = _Checker(loaded, base, file)
    made = [checker.completed(number, given) for number, given in enumerate(request.enqueue, start=1)]
    if checker.findings:
        raise InvalidInput(checker.findings)
    own = Cube(loaded.space, base).default if made else None
    names = {} if own is None else {_hashable(own): "the recipe's own"}
    different: list[Values] = []
    notes: list[str] = []
    for number, values in enumerate(made, start=1):
        name = names.setdefault(_hashable(values), f"configuration {number}")
        if name == f"configuration {number}":
            different.append(values)
        else:
            notes.append(f"configuration {number} of {file} equals {name} and is left out")
    if len(notes) > _MOST_TOLD:
        others = f"{len(notes) - _MOST_TOLD} more configurations of {file} equal others and are left out"
        notes = [*notes[:_MOST_TOLD], others]
    return tuple(different), tuple(notes)


def completed(created: StudyCreated, given: Values, beside: Values, place: str) -> Values:
    """A configuration for a study that exists: `given` over `beside` over the space's defaults, active values only.

    `place` is where it was written, for messages. Raises InvalidInput with every fault.
    """
    defaults = {**default_values(created.space.parameters, created.base), **beside}
    checker = _Checker(LoadedSpace(created.space, created.base, defaults, "", ""), created.base, place)
    values = checker.completed(1, given)
    if checker.findings:
        raise InvalidInput(checker.findings)
    return values


def _hashable(values: Values) -> tuple[tuple[str, object], ...]:
    return tuple((key, tuple(value) if isinstance(value, list) else value) for key, value in sorted(values.items()))


class _Checker:
    """Checks configurations one by one; the faults of all are in `findings`."""

    def __init__(self, loaded: LoadedSpace, base: Values, file: str) -> None:
        self.findings: list[Finding] = []
        self._loaded, self._base, self._file = loaded, base, file
        self._encoder = Encoder(loaded.space, base)

    def completed(self, number: int, given: Values) -> Values:
        """Configuration `number`, checked and completed; what faults it has left out."""
        before = len(self.findings)
        sound = {
            key: self._value(number, key, value) for key, value in given.items() if self._known(number, key, value)
        }
        whole = {**self._loaded.defaults, **sound}
        active = self._encoder.active(whole)
        values = self._encoder.only_active(whole)
        for key in sound:
            if key not in active:
                when = ", ".join(f"{other} is {wanted}" for other, wanted in self._parameter(key).when.items())
                self._report("inactive", number, key, "has no effect here", f"it counts only when {when}")
        for key in self._encoder.names:
            if key in active and key not in values:
                self._report(
                    "missing-key", number, key, "has no value, and the space has no default for it", "give one"
                )
        if len(self.findings) == before:
            self._judge_whole(number, values)
        return values

    def _parameter(self, key: str) -> Float | Int | Choice:
        return self._loaded.space.parameters[key]

    def _known(self, number: int, key: str, value: Value) -> bool:
        """Whether `key` is a parameter; one that does not vary may be named with the value that it has."""
        if key in self._loaded.space.parameters:
            return True
        if key in self._base:
            if self._base[key] != value:
                hint = f"leave it out, or set it for every trial: --set {key} {value}"
                self._report("not-varied", number, key, f"does not vary in this space: it is {self._base[key]!r}", hint)
        else:
            hint = suggest(key, self._encoder.names) or f"there are {', '.join(self._encoder.names)}"
            self._report("unknown-key", number, key, "is not a parameter of this space", hint)
        return False

    def _value(self, number: int, key: str, value: Value) -> Value:
        """The value as the space spells it: 1 becomes 1.0 where real numbers are meant."""
        parameter = self._parameter(key)
        try:
            self._encoder.codecs[self._encoder.names.index(key)].encode(value)
        except SpaceError as error:
            self._report(error.findings[0].code, number, key, error.findings[0].message.removeprefix(f"{key}: "), "")
            return value
        if isinstance(parameter, Choice):
            place = index_of(value, parameter.values)
            return value if place is None else parameter.values[place]
        return float(str(value)) if isinstance(parameter, Float) else int(float(str(value)))

    def _judge_whole(self, number: int, values: Values) -> None:
        refusal = self._encoder.refusal(values)
        if refusal:
            self._report("constraint", number, "", f"is refused: {refusal}", "")
        elif self._loaded.space.recipe is not None:
            try:
                from_values(complete(self._base, values, self._loaded.space.tied))
            except ConfigError as error:
                for found in error.findings:
                    self._report(found.code, number, found.key, f"is refused: {found.message}", found.hint)

    def _report(self, code: str, number: int, key: str, message: str, hint: str) -> None:
        what = f"configuration {number}: {key} {message}" if key else f"configuration {number} {message}"
        self.findings.append(Finding(code, what, file=self._file, key=key or "enqueue", hint=hint))
