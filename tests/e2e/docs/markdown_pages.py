"""Markdown as the tests of the documentation read it: fenced blocks, text without them, code spans, links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
RECIPES = sorted((ROOT / "docs" / "recipes").glob("*.md"))
PAGES = [
    page
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
    if page.exists() and page.name != "commands.md"  # printed by the commands themselves
]

_FENCE = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, the file it is (or an empty string), its text."""

    language: str
    title: str
    body: str


def blocks(text: str) -> list[Block]:
    return [Block(*match.groups(default="")) for match in _FENCE.finditer(text)]


def prose(text: str) -> str:
    """The page without its fenced blocks."""
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    """Inline code, line breaks folded."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(text))]


def links(text: str) -> list[str]:
    """Targets of links and images that are neither addresses nor mail."""
    targets = re.findall(r"\]\(([^)\s]+)\)", prose(text)) + re.findall(r"(?:src|href)=\"([^\"]+)\"", prose(text))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(text: str) -> set[str]:
    """What a link may name after #: headings in GitHub's spelling."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def shell_lines(text: str) -> Iterator[str]:
    """Lines of sh blocks, continued ones joined, without prompts; and indented commands."""
    yield from re.findall(r"^    ((?:reid-tune|make|python) .*)$", prose(text), re.MULTILINE)
    for block in blocks(text):
        if block.language in {"sh", "bash", "shell", "console"}:
            for line in re.sub(r"\\\n\s*", " ", block.body).splitlines():
                yield line.removeprefix("$ ").strip()


def to_type(page: Path) -> list[str]:
    """What a page tells to type, in its order: lines; on pages for users of other tools also the commands in tables."""
    text = page.read_text("utf-8")
    told = [span for span in spans(text) if span.startswith("reid-tune ")] if page.parent.name == "migrating" else []
    return [*shell_lines(text), *told]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()
