"""Paths that come over the network, kept inside the folders that the operator opened with `--data-root`.

On loopback without a login whoever asks has this machine's files anyway, and nothing is confined. With a login, a
request may name files below the roots, and what studies themselves wrote; nothing else is looked at, not even to say
whether it is there. Code is never chosen over the network: a backbone by its import path is refused as well, and a
Ray runtime environment that brings any, wherever it lies.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from orchestrator.service.runtime_env import code_in
from orchestrator.service.teachers import STUDY
from orchestrator.service.views import StudyRequest
from reid_core.config import Value, read_yaml
from reid_core.errors import ConfigError, Finding, InvalidInput, UsageError

if TYPE_CHECKING:
    from orchestrator.service.create import Draft

__all__ = ["PATH_KEYS", "Roots", "check_possible"]

PATH_KEYS = frozenset(
    {
        "DATALOADER.CACHE_DIR",
        "DATASETS.ROOT",
        "KD.MODEL_CONFIG",
        "KD.MODEL_WEIGHTS",
        "MODEL.BACKBONE.PRETRAIN_PATH",
        "MODEL.WEIGHTS",
        "OUTPUT_DIR",
        "TASK.FACE.IMAGES",
        "TASK.FACE.PAIRS",
    }
)
"""Configuration keys whose values are files or folders."""
_NOT_READ = frozenset({"OUTPUT_DIR"})  # FastReID's key: a value that a recipe has is no path that anybody opens
_SETTLED = PATH_KEYS - _NOT_READ
_LAST = frozenset(key.rpartition(".")[2] for key in PATH_KEYS)
_CODE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:(?://|/)|[A-Za-z0-9+.-]+::")
_WORDS = frozenset({"", "synthetic"})
_FIELDS = frozenset({"recipe", "_BASE_"})
_SETS = frozenset({"NAMES", "TESTS"})  # of DATASETS: names, folders below the root, or NAME=folder
_DATA = frozenset(f"DATASETS.{name}" for name in _SETS)
_DEEPEST = 50
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Roots:
    """The folders (resolved) and addresses that requests may name, beside the studies' own folder."""

    folders: tuple[Path, ...] = ()
    addresses: tuple[str, ...] = ()

    @classmethod
    def of(cls, roots: Sequence[str], studies: Path) -> Roots:
        """Roots as a command line names them, and the folder of the studies. UsageError for one that is not there."""
        folders, addresses = [studies.resolve()], []
        for root in roots:
            if _URL.match(root):
                addresses.append(root.rstrip("/"))
                continue
            folder = Path(root).expanduser()
            if not folder.is_dir():
                raise UsageError(f"--data-root {root} is no folder", hint="name a folder that holds data sets")
            folders.append(folder.resolve())
        return cls(tuple(folders), tuple(addresses))

    def fault(self, path: str) -> str:
        """Why a request may not name this path; empty when it may. Looks at nothing outside but links on the way."""
        if path in _WORDS:
            return ""
        if "\0" in path or "\\" in path or path.startswith("//"):
            return "is no path of this machine"
        if _URL.match(path):
            return "" if self._holds_address(path) else "is at no address that the server was opened for"
        if ".." in PurePosixPath(path).parts:
            return "leads upwards"
        try:
            found = Path(os.path.realpath(Path(path).expanduser()))
        except (OSError, RuntimeError, ValueError):
            return "is no path of this machine"
        return "" if any(found.is_relative_to(root) for root in self.folders) else "is outside of the folders opened"

    def check(self, values: object, place: str) -> None:
        """Refuse with InvalidInput what keys in `values` (any nesting of mappings and lists) name from outside.

        `place` is where the values stand, for the message, such as `--set`.
        """
        _refuse([found for key, value in _paths(values, "", 0) if (found := self._finding(place, key, value))])

    def check_changes(self, base: Mapping[str, Value], changes: Mapping[str, Value], place: str) -> None:
        """Refuse with InvalidInput changes of a recorded configuration that make it read files from outside.

        A name of a data set says nothing by itself: what is read is the root of the configuration with that name.
        """
        self.check(dict(changes), place)
        if any(key in PATH_KEYS or key.startswith("DATASETS.") for key in changes):
            settled = {key: value for key, value in {**base, **changes}.items() if key in _SETTLED | _DATA}
            self.check(settled, "the study")

    def draft(self, request: StudyRequest, make: Callable[[StudyRequest], Draft]) -> Draft:
        """What `make` makes of a request, refused with InvalidInput where it names a path outside.

        The request is judged before anything is read, and what came of it (recipes inherit) once more.
        """
        self._check_request(request)
        made = make(request)
        settled = {key: value for key, value in made.base.items() if key in _SETTLED}
        self.check(settled, "the recipe")
        self.check([each for each in made.given.enqueued], "--enqueue")  # noqa: C416 - mappings, as plain values
        return made

    def _check_request(self, request: StudyRequest) -> None:
        if "\n" not in request.space and ("/" in request.space or "\\" in request.space):
            _refuse([found for found in [self._finding("--space", "space", request.space)] if found])
        _refuse([found for place, key, path in _named(request) if (found := self._finding(place, key, path))])
        _refuse(code_in(request.runtime_env))

    def _finding(self, place: str, key: str, path: str) -> Finding | None:
        if key.endswith("NAME"):
            code, message = "no-code", f"{path!r} names code, which no request may choose"
            return Finding(code, message, file=place, key=key, hint="use it in a space of this machine, from a shell")
        if key in _FIELDS and "/" not in path and "\\" not in path and not Path(path).is_file():
            return None  # the name of a shipped recipe
        reason = self.fault(path)
        hint = "the server's --data-root names what can be used"
        return Finding("outside-roots", f"{path!r} {reason}", file=place, key=key, hint=hint) if reason else None

    def _holds_address(self, address: str) -> bool:
        if "::" in address or ".." in PurePosixPath(unquote(urlsplit(address).path)).parts:
            return False
        return any(address == root or address.startswith(f"{root}/") for root in self.addresses)


def check_possible(request: StudyRequest) -> None:
    """Raise InvalidInput for what a request names that no file of this machine could be called."""
    faults = [(place, key, path, _impossible(path)) for place, key, path in _named(request)]
    _refuse(
        [
            Finding("bad-path", f"{path[:_SHOWN]!r} {fault}", file=place, key=key, hint="name an existing path")
            for place, key, path, fault in faults
            if fault
        ]
    )


def _impossible(path: str) -> str:
    try:
        os.lstat(Path(path).expanduser())
    except RuntimeError:
        return "names the home folder of nobody"
    except ValueError:  # a NUL, or half a character
        return "is no path"
    except OSError as error:
        return "is too long for a path" if error.errno == errno.ENAMETOOLONG else ""
    return ""


def _named(request: StudyRequest) -> Iterator[tuple[str, str, str]]:
    """Every path that a request names, each with where it stands and its key."""
    yield "--data", "data", request.data
    yield "--checkpoints", "checkpoints", request.checkpoints
    for source in request.teacher:
        if not source.startswith(STUDY):
            yield "--teacher", "teacher", source
    yield from (("--set", key, path) for key, path in _paths(dict(request.set), "", 0))
    yield from (("--enqueue", key, path) for one in request.enqueue for key, path in _paths(dict(one), "", 0))
    if "\n" in request.space:
        with contextlib.suppress(ConfigError):  # nothing is read from a space that does not parse
            text = read_yaml(request.space, "<text>").value
            yield from (("the space", key, path) for key, path in _paths(text, "", 0))


def _refuse(findings: list[Finding]) -> None:
    if findings:
        raise InvalidInput(findings)


def _paths(values: object, key: str, depth: int) -> Iterator[tuple[str, str]]:
    """Every text below a key that names files or code, with that key."""
    if depth > _DEEPEST:
        raise InvalidInput(Finding("syntax", "nested too deeply", key=key))
    match values:
        case str():
            last = key.rpartition(".")[2]
            if last in _LAST or key in _FIELDS or (last == "NAME" and _CODE.fullmatch(values)):
                yield key, values
            elif last in _SETS and ("=" in values or "/" in values or "\\" in values or ".." in values):
                yield key, values.partition("=")[2] or values
        case list() | tuple():
            for value in values:
                yield from _paths(value, key, depth + 1)
        case dict():
            if "type" in values:  # a parameter: its values are the key's, and a tied one could become anything
                yield from _paths(values.get("values"), key, depth + 1)
                if values["type"] == "tied" and key.rpartition(".")[2] in _LAST | _SETS:
                    message = f"{key} names files: a request cannot tie it to other keys"
                    raise InvalidInput(Finding("outside-roots", message, key=key))
            for name, value in values.items():
                yield from _paths(value, str(name), depth + 1)
