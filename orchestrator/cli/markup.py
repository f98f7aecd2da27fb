"""A table as Markdown or LaTeX, with every cell shown as it is: what looks like markup in it is escaped."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

__all__ = ["Sheet", "latex", "markdown"]

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "Δ": r"$\Delta$",
}
_LATEX_MINUS = re.compile(r"(?<![\w.)])-(?=\d)")  # a sign, not a hyphen: `-0.3`, but not `rank-1`
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~#$])")


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table in plain words: a title, columns, cells, those aligned right, and lines below it; or only lines."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: Collection[str] = ()
    notes: Sequence[str] = ()


def markdown(sheet: Sheet) -> str:
    """A GitHub table between its title and its notes."""
    marks = ["---:" if column in sheet.right else "---" for column in sheet.columns]
    lines = [_piped(map(_md, sheet.columns)), _piped(marks), *(_piped(map(_md, row)) for row in sheet.rows)]
    notes = "".join(f"\n{_md(note)}\n" for note in sheet.notes)
    if not sheet.columns:
        return f"**{_md(sheet.title)}**\n{notes}"
    return f"**{_md(sheet.title)}**\n\n" + "\n".join(lines) + f"\n{notes}"


def latex(sheet: Sheet) -> str:
    r"""A `table` with the rules of the package booktabs; the notes are its caption."""
    marks = "".join("r" if column in sheet.right else "l" for column in sheet.columns)
    caption = " ".join(_tex(text) + ("" if text.endswith(".") else ".") for text in (sheet.title, *sheet.notes))
    return "\n".join(
        [
            r"% needs \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\begin{{tabular}}{{{marks}}}",
            r"\toprule",
            _ampersands(sheet.columns),
            r"\midrule",
            *(_ampersands(row) for row in sheet.rows),
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _piped(cells: Collection[str] | map[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _md(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _ampersands(cells: Sequence[str]) -> str:
    return " & ".join(map(_tex, cells)) + r" \\"


def _tex(text: str) -> str:
    """Text that LaTeX shows as it is; a minus before a number becomes one."""
    pieces = _LATEX_MINUS.split(" ".join(text.split()))
    return "$-$".join("".join(_LATEX.get(letter, letter) for letter in piece) for piece in pieces)
