"""Logs of every process of the service: one line an event, for people or as JSON, without secrets, limited in size.

`configure` sets a process up; `logger` gives a module its structlog logger. Modules below the service use the standard
`logging` with `extra=`: their lines come out the same way.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from orchestrator.events import Logged, NodeSetAside, OutcomeKind, SegmentEnded, StudyEnded, StudyState, StudyStatus
from orchestrator.service.narrate import narrate
from orchestrator.service.secrets import redacted
from reid_core.errors import ReidTuneError, UsageError
from search_spaces.measures import measures_of

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

__all__ = [
    "FORMAT",
    "LEVEL",
    "LEVELS",
    "LogFormat",
    "configure",
    "event_log",
    "failed",
    "kept_in",
    "logger",
    "told_to_the_terminal",
]

FORMAT, LEVEL = "REID_TUNE_LOG_FORMAT", "REID_TUNE_LOG_LEVEL"
"""Environment variables; processes that are started later follow them too."""
LEVELS = ("debug", "info", "warning", "error")
MOST_BYTES, BACKUPS = 10 * 1024**2, 3
"""A log file is turned over at this size, and so many older ones are kept beside it."""
_OURS = ("orchestrator", "dashboards", "reid_core", "search_spaces", "__main__")  # the last: what `python -m` runs


class LogFormat(StrEnum):
    """How lines look."""

    HUMAN = "human"
    JSON = "json"


class LogFile(RotatingFileHandler):
    """A log file that is turned over when it is full, together with what the process itself prints into it."""

    def __init__(self, path: Path, *, most_bytes: int = MOST_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, maxBytes=most_bytes, backupCount=BACKUPS, encoding="utf-8")

    def doRollover(self) -> None:  # noqa: N802 - the name that logging gives it
        """Turn over; standard output and error follow, where they went into this file."""
        with contextlib.suppress(OSError):  # the file was moved away: nothing to follow
            here = Path(self.baseFilename).stat()
            following = [number for number in (1, 2) if _is(number, here)]
            super().doRollover()
            if self.stream is None:
                self.stream = self._open()
            for number in following:
                os.dup2(self.stream.fileno(), number)


def _is(number: int, file: os.stat_result) -> bool:
    try:
        found = os.fstat(number)
    except OSError:
        return False
    return (found.st_dev, found.st_ino) == (file.st_dev, file.st_ino)


def configure(*, file: Path | None = None, quiet: bool = False) -> None:
    """Set this process's logging up: into `file`, else to standard error (nothing when `quiet`).

    The environment says the form and the level. Raises UsageError when it says something else. May be called again.
    """
    root = logging.getLogger()
    _forget()
    made: logging.Handler = logging.NullHandler() if quiet else logging.StreamHandler(sys.stderr)
    if file is not None:
        made = LogFile(file)
    root.addHandler(_prepared(made))
    root.setLevel(logging.WARNING)
    for name in _OURS:
        logging.getLogger(name).setLevel(_level())


@contextlib.contextmanager
def told_to_the_terminal() -> Iterator[None]:
    """While the block runs, this process's lines go to standard error; afterwards as before."""
    configure()
    try:
        yield
    finally:
        _forget()
        for name in _OURS:
            logging.getLogger(name).setLevel(logging.NOTSET)


def _forget() -> None:
    """Take what `configure` set up away."""
    root = logging.getLogger()
    for handler in [one for one in root.handlers if getattr(one, "reid_tune", False)]:
        root.removeHandler(handler)
        handler.close()


@contextlib.contextmanager
def kept_in(file: Path) -> Iterator[None]:
    """While the block runs, our lines go into `file` too; nothing happens when they go there already."""
    wanted = os.path.abspath(file)  # noqa: PTH100 - as logging spells it
    ours, root = logging.getLogger("orchestrator"), logging.getLogger()
    if any(getattr(one, "baseFilename", "") == wanted for one in (*root.handlers, *ours.handlers)):
        yield
        return
    handler, before, spread = _prepared(LogFile(file)), ours.level, ours.propagate
    ours.addHandler(handler)
    ours.setLevel(_level())
    if not any(getattr(one, "reid_tune", False) for one in root.handlers):
        ours.propagate = bool(root.handlers)  # nobody listens further up: not even Python's last resort, a terminal
    try:
        yield
    finally:
        ours.removeHandler(handler)
        ours.setLevel(before)
        ours.propagate = spread
        handler.close()


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """The logger of a module (`__name__`): `logger(...).info("study started", study=row.id)`."""
    made: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(name),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.render_to_log_kwargs,  # plain records: any handler of logging can show them
        ],
    )
    return made


def failed(what: str, error: Exception, **ids: object) -> None:
    """One line for an error of the project's tree, which says what to do; a traceback for any other."""
    log = logger("orchestrator.service").bind(**ids)
    if isinstance(error, ReidTuneError):
        log.error("%s: %s", what, error.message, hint=error.hint, exit_code=error.exit_code)
    else:
        log.error("%s: %s", what, error, exc_info=error)


def event_log(
    study: str, name: str, then: Callable[[Logged, StudyState], None] | None = None
) -> Callable[[Logged, StudyState], None]:
    """An observer for a controller: one line for each event of a study, failures as warnings; `then` sees it too."""
    log = logger("orchestrator.control").bind(study=study, study_name=name)

    def see(logged: Logged, state: StudyState) -> None:
        event = logged.event
        level = _level_of(event)
        if then is not None:
            then(logged, state)
        if not log.isEnabledFor(level):
            return
        measures = measures_of() if state.created is None else state.created.space.measures
        ids = {
            key: getattr(event, key)
            for key in ("trial", "segment", "epoch", "failure", "worker")
            if getattr(event, key, None) is not None
        }
        log.log(level, narrate(logged, measures).text, event_kind=event.kind, seq=logged.seq, **ids)

    return see


def _level_of(event: object) -> int:
    match event:
        case SegmentEnded(outcome=OutcomeKind.FAILED | OutcomeKind.INFEASIBLE, final=final):
            return logging.ERROR if final else logging.WARNING
        case NodeSetAside():
            return logging.WARNING
        case StudyEnded(status=StudyStatus.FAILED):
            return logging.ERROR
        case _:
            return logging.INFO


def _level() -> int:
    word = os.environ.get(LEVEL, "").lower() or "info"
    if word not in LEVELS:
        raise UsageError(f"{word!r} is no level of logs", hint=f"--log-level or {LEVEL}: one of {', '.join(LEVELS)}")
    return logging.getLevelNamesMapping()[word.upper()]


def _form() -> LogFormat:
    word = os.environ.get(FORMAT, "").lower() or LogFormat.HUMAN
    if word not in set(LogFormat):
        raise UsageError(f"{word!r} is no form of logs", hint=f"--log-format or {FORMAT}: human or json")
    return LogFormat(word)


def _prepared(handler: logging.Handler) -> logging.Handler:
    """The handler with our form of a line."""
    if _form() is LogFormat.JSON:
        last: tuple[structlog.typing.Processor, ...] = (
            structlog.processors.format_exc_info,  # without the values of variables: they may be secrets
            _without_secrets,
            structlog.processors.JSONRenderer(sort_keys=False, ensure_ascii=False, default=str),
        )
    else:
        last = (structlog.processors.format_exc_info, _without_secrets, _line)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    handler.reid_tune = True  # type: ignore[attr-defined] # how `configure` finds its own handlers again
    return handler


def _without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    told = {key: value for key, value in event.items() if not key.startswith("_")}  # Ray adds one to every record
    return {key: _clean(value) for key, value in told.items()}


def _clean(value: object) -> object:
    match value:
        case str():
            return redacted(value)
        case dict():
            return {key: _clean(one) for key, one in value.items()}
        case list() | tuple():
            return [_clean(one) for one in value]
        case _:
            return value


def _line(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    """`TIME LEVEL logger: what happened  study=... trial=...`, a traceback below."""
    rest = {**event}
    at, level, name, what = (rest.pop(key, "") for key in ("timestamp", "level", "logger", "event"))
    trace = rest.pop("exception", "")
    ids = "".join(f" {key}={value}" for key, value in rest.items())
    told = f"{what}{' ' if ids else ''}{ids}".replace("\n", " | ")  # one event, one line
    return f"{at} {level.upper():<7} {name}: {told}" + (f"\n{trace}" if trace else "")
