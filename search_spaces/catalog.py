"""The spaces by name: those that ship with this package, and those that packages of tasks bring."""

from __future__ import annotations

from pathlib import Path

from reid_core.config import suggest
from reid_core.config.shipped import files_by_name
from reid_core.errors import NotFound

__all__ = ["file_of", "names", "read"]

_FOLDER = Path(__file__).parent / "catalog"


def names() -> list[str]:
    """List the names of the catalog, sorted."""
    return list(files_by_name(_FOLDER, "spaces"))


def file_of(name: str) -> Path:
    """Find a space's file; `name` may end in .yaml. Raises NotFound that lists the catalog."""
    stem = name.removesuffix(".yaml").removesuffix(".yml")
    found = files_by_name(_FOLDER, "spaces").get(stem)
    if found is None:
        hint = f"{suggest(stem, names())} the catalog has {', '.join(names())}".strip()
        raise NotFound(f"there is no space {name!r}, neither a file nor in the catalog", hint=hint)
    return found


def read(name: str) -> str:
    """Read a space's YAML. Raises NotFound that lists the catalog."""
    return file_of(name).read_text(encoding="utf-8")
