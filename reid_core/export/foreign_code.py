"""What a file in torch's own formats may hold beside a network, and is never loaded: pickles and file access.

A torch.export program may carry pickled objects, which run any code when they are read. TorchScript is a program by
nature: its interpreter has no shell and no network, but operators that read and write files.
"""

from __future__ import annotations

import re
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import environ
from pathlib import Path, PurePosixPath

from reid_core.errors import CheckpointError

__all__ = ["check_program", "check_script", "only_numbers"]

_OBJECTS = ("custom_obj_", "opaque_obj_")
"""Constants that torch reads with pickle (torch.export.pt2_archive)."""
_COMPILED = (".so", ".cpp", ".cubin", ".hsaco")
_FILES = re.compile(r"torch\.(?:save|load)\b|from_file\(|\bops\.(?!prims?\b|aten\b)\w+|__setstate__\b")
_VARIABLE = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
_alone = threading.Lock()


def check_program(path: Path) -> None:
    """Raise CheckpointError when the torch.export program in `path` carries objects or compiled code."""
    for name in _names(path):
        last = PurePosixPath(name).name
        if last.startswith(_OBJECTS) or last.endswith(_COMPILED):
            raise _refused(path, f"it carries {name}, which would run as code")


def check_script(path: Path) -> None:
    """Raise CheckpointError when the TorchScript in `path` names operators that touch files, or foreign ones."""
    with zipfile.ZipFile(path) as packed:
        for name in packed.namelist():
            if name.endswith(".py") and (found := _FILES.search(packed.read(name).decode("utf-8", "replace"))):
                raise _refused(path, f"its program names {found[0]}")


@contextmanager
def only_numbers() -> Iterator[None]:
    """Within the block torch.load reads tensors and plain values only, whatever who calls it asks for."""
    with _alone:
        before = environ.get(_VARIABLE)
        environ[_VARIABLE] = "1"
        try:
            yield
        finally:
            if before is None:
                del environ[_VARIABLE]
            else:
                environ[_VARIABLE] = before


def _names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as packed:
        return packed.namelist()


def _refused(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{path} is not opened: {why}", hint="`reid-tune export onnx` writes files that are no code")
