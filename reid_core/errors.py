"""Every error that a person may see, as one tree.

ReidTuneError                what happened, where, what to do; `exit_code` for the command line
|-- UsageError               2: the command line does not make sense
|-- InvalidInput             3: a configuration, a space or data is wrong; carries one Finding a fault
|   |-- ConfigError
|   |-- SpaceError
|   `-- DataError
|-- CheckpointError          1: a checkpoint is torn, foreign or of another configuration
|-- TrainingDiverged         1: a loss became NaN or infinite
|-- ProcessLost              1: another process of a training was killed, or its machine is gone
|-- ServerUnreachable        4: Ray, MLflow or a database does not answer
|-- NotFound                 5: no such study, trial, space or file
`-- Conflict                 6: somebody else holds it, or it is not the same as before
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

__all__ = [
    "CheckpointError",
    "ConfigError",
    "Conflict",
    "DataError",
    "Finding",
    "InvalidInput",
    "NotFound",
    "ProcessLost",
    "ReidTuneError",
    "ServerUnreachable",
    "SpaceError",
    "TrainingDiverged",
    "UsageError",
]


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault in an input: `file:line:col: error[code]: message`, and what to do about it.

    `line` and `col` count from 1; 0 means that the place is not a file (an option, an API field),
    then `file` names it (for example `--set`). `key` is the configuration key or field, for web forms.
    """

    code: str
    message: str
    file: str = ""
    line: int = 0
    col: int = 0
    hint: str = ""
    key: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}:{self.col}: " if self.line else (f"{self.file}: " if self.file else "")
        hint = f"; {self.hint}" if self.hint else ""
        return f"{place}error[{self.code}]: {self.message}{hint}"


class ReidTuneError(Exception):
    """Base of the tree. `str(error)` is the whole message for a person; `hint` says what to do."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))


def _rebuild(kind: type[ReidTuneError], args: tuple[object, ...], state: dict[str, object]) -> ReidTuneError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class UsageError(ReidTuneError):
    """The command line or call does not make sense (exit 2)."""

    exit_code = 2


class InvalidInput(ReidTuneError):
    """A file, option or field is wrong (exit 3). Carries every fault found, not only the first."""

    exit_code = 3

    def __init__(self, findings: Sequence[Finding] | Finding) -> None:
        self.findings: tuple[Finding, ...] = (findings,) if isinstance(findings, Finding) else tuple(findings)
        super().__init__("\n".join(str(finding) for finding in self.findings))


class ConfigError(InvalidInput):
    """A recipe, configuration file or `--set` is wrong."""


class SpaceError(InvalidInput):
    """A search space is wrong."""


class DataError(InvalidInput):
    """The images, their layout or their names are wrong."""


class CheckpointError(ReidTuneError):
    """A checkpoint is missing, torn, foreign, or belongs to another configuration."""


class TrainingDiverged(ReidTuneError):
    """A loss became NaN or infinite. `epoch` and `iteration` say when, `files` which images were in the batch."""

    def __init__(
        self, message: str, *, epoch: int = 0, iteration: int = 0, files: Sequence[str] = (), hint: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.epoch = epoch
        self.iteration = iteration
        self.files = tuple(files)


class ProcessLost(ReidTuneError):
    """Another process of a training was killed, or its machine is gone: training again may succeed."""


class ServerUnreachable(ReidTuneError):
    """Ray, MLflow, a database or the service does not answer (exit 4)."""

    exit_code = 4


class NotFound(ReidTuneError):
    """There is no such study, trial, space or file (exit 5)."""

    exit_code = 5


class Conflict(ReidTuneError):
    """Somebody else holds it, or it differs from what was recorded (exit 6)."""

    exit_code = 6
