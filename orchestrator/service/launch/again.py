"""The request that made a study, read back from the command that its log keeps."""

from __future__ import annotations

import json
import shlex
from typing import Any

from pydantic import ValidationError

from orchestrator.events import StudyCreated
from orchestrator.service.views import StudyRequest
from reid_core.config import parse_value
from reid_core.errors import Conflict
from search_spaces import catalog
from search_spaces.describe import to_yaml

__all__ = ["request_of", "words_of"]

_SEVERAL = {"--teacher": "teacher", "--warm-start": "warm_start"}


def words_of(command: str) -> StudyRequest:
    """The request that `command_of` wrote as a command; what a space says in a file stays the file's name."""
    words = shlex.split(command)
    place = words.index("--space") if "--space" in words else len(words)
    given: dict[str, Any] = {"set": {}}
    while place < len(words):
        option = words[place]
        if option == "--set":
            given["set"][words[place + 1]] = parse_value(words[place + 2])
            place += 3
            continue
        text = words[place + 1]
        if option in _SEVERAL:
            given.setdefault(_SEVERAL[option], []).append(text)
        elif option == "--enqueue":
            given["enqueue"] = json.loads(text)
        else:
            given[option.removeprefix("--").replace("-", "_")] = text
        place += 2
    return StudyRequest.model_validate(given)


def request_of(created: StudyCreated) -> StudyRequest:
    """The request that made a study, without its name. Its space is the catalog's by name, else YAML of its own.

    Raises Conflict for a study whose command says something that this version does not know.
    """
    try:
        request = words_of(created.command)
    except (ValidationError, ValueError, IndexError) as error:
        message = f"the command that made study {created.name} cannot be read"
        raise Conflict(message, hint=f"copy it with `reid-tune studies clone {created.name}`") from error
    space = request.space.removesuffix(".yaml")
    return request.model_copy(
        update={"name": "", "space": space if space in catalog.names() else to_yaml(created.space)}
    )
