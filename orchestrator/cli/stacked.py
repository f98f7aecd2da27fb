"""rich's table, but one that is too wide for the terminal is stacked in pieces: no number in it is ever cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
    from rich.table import Column

__all__ = ["StackedTable", "pieces"]

_BETWEEN = 3  # characters between two columns: a padding each, and the divider
_FOLDED = 10  # characters that a column that may wrap is worth; with fewer it is a column of letters
_WORD = 24  # a longer word, as of a path, may be broken


class StackedTable(Table):
    """Columns that do not fit side by side follow below, behind the first `keys` columns, which say whose they are.

    Where one piece is too wide by itself, its text wraps; columns that are aligned right, the numbers, never do.
    """

    keys: int = 1

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table as it is where it fits, else its pieces with a line between them."""
        if console.is_terminal:
            yield from self._parts(options)
            return
        for part in self._parts(options):  # into a pipe: without the blanks that fill up a line
            for line in Segment.split_lines(console.render(part, options)):
                text = "".join(segment.text for segment in line if not segment.control)
                yield Segment(text.rstrip())
                yield Segment.line()

    def _parts(self, options: ConsoleOptions) -> Iterator[RenderableType]:
        widths = [_width(column) for column in self.columns]
        parts = pieces(widths, self.keys, options.max_width)
        if len(parts) == 1 and _together(widths) <= options.max_width:
            yield self._piece(range(len(widths)), wrap=False)
            return
        for place, part in enumerate(parts):
            if place:
                yield Text()
            yield self._piece(part, wrap=_together([widths[at] for at in part]) > options.max_width)

    def _piece(self, part: Sequence[int], *, wrap: bool) -> Table:
        """A table of the columns at the places in `part`; `wrap` lets the text in all but the numbers wrap."""
        made = Table(box=self.box, pad_edge=self.pad_edge, show_edge=self.show_edge, header_style=self.header_style)
        chosen = [self.columns[at] for at in part]
        for column in chosen:
            made.add_column(
                column.header,
                justify=column.justify,
                overflow=column.overflow,
                no_wrap=column.no_wrap and (column.justify == "right" or not wrap),
            )
        for row, cells in zip(self.rows, zip(*(column.cells for column in chosen), strict=True), strict=True):
            made.add_row(*cells, style=row.style)
        return made


def pieces(widths: Sequence[int], keys: int, room: int) -> list[list[int]]:
    """The places of the columns of each piece: the first `keys`, then as many as fit into `room` characters.

    A piece has at least one column besides its keys, however wide.
    """
    first = list(range(min(keys, len(widths))))
    parts = [list(first)]
    for at in range(len(first), len(widths)):
        if len(parts[-1]) > len(first) and _together([widths[one] for one in (*parts[-1], at)]) > room:
            parts.append(list(first))
        parts[-1].append(at)
    return parts


def _together(widths: Sequence[int]) -> int:
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _width(column: Column) -> int:
    """Characters that a column needs: its widest line, less where it may wrap."""
    widest = max(map(_widest, (column.header, *column.cells)))
    if column.no_wrap:
        return widest
    longest = max((len(word) for cell in column.cells for word in _plain(cell).split()), default=0)
    return min(widest, max(_FOLDED, _widest(column.header), min(longest, _WORD)))


def _plain(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _widest(cell: RenderableType) -> int:
    return max((cell_len(line) for line in _plain(cell).split("\n")), default=0)
