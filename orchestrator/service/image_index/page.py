"""The answers of a search as one page that needs nothing beside it: thumbnails, distances, identities."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.service.image_index.views import HitView, QueryView, SearchView

if TYPE_CHECKING:
    from reid_core.data.sources import EncodedImage

__all__ = ["search_page"]

_HEIGHT = 160
_STYLE = """
:root { color-scheme: light dark; --line: light-dark(#d5d9e0, #3a404b); --soft: light-dark(#5b6472, #a3adbb);
  --same: light-dark(#0a7d3c, #4fd08a); --other: light-dark(#b3261e, #ff8a80); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem; background: light-dark(#fff, #14171c);
  color: light-dark(#1b1f26, #e8ebf0); }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; } p { color: var(--soft); margin: 0 0 1rem; }
section { border-top: 1px solid var(--line); padding: 1rem 0; }
h2 { font-size: 1rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
ol { display: flex; gap: .75rem; list-style: none; margin: 0; padding: 0 0 .5rem; flex-wrap: wrap; }
li { width: 7.5rem; } figure { margin: 0; }
img, .none { height: 10rem; width: 100%; object-fit: contain; border: 2px solid var(--line); border-radius: 6px;
  box-sizing: border-box; display: block; }
.none { display: grid; place-items: center; color: var(--soft); }
.query img { border-color: currentColor; } .same img { border-color: var(--same); }
.other img { border-color: var(--other); }
figcaption { font-size: .8rem; overflow-wrap: anywhere; } b { font-variant-numeric: tabular-nums; }
.same b::after { content: " same"; color: var(--same); } .other b::after { content: " other"; color: var(--other); }
"""


def search_page(
    found: SearchView, pids: dict[str, str] | None = None, piped: Mapping[str, EncodedImage] | None = None
) -> str:
    """A search as HTML. `pids`, identity by query file where it is known, marks each hit as the same or another.

    `piped` are queries that lie in no file.
    """
    known, sent = pids or {}, piped or {}
    how = "k-reciprocal re-ranked distance" if found.reranked else "cosine distance, 0 to 2"
    sections = "\n".join(_section(query, known.get(query.file, ""), sent.get(query.file)) for query in found.queries)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Search in {escape(found.index)}</title><style>{_STYLE}</style></head><body>\n"
        f"<h1>Search in {escape(found.index)}</h1>\n"
        f"<p>{len(found.queries)} queries, model {escape(found.model)}, {how}; nearest first.</p>\n"
        f"{sections}\n</body></html>\n"
    )


def _section(query: QueryView, pid: str, sent: EncodedImage | None) -> str:
    image = _image(query.file, "query", sent)
    first = f'<li class="query"><figure>{image}<figcaption><b>query</b> {escape(pid)}</figcaption>'
    hits = "\n".join(_hit(rank, hit, pid) for rank, hit in enumerate(query.hits, start=1))
    return f"<section><h2>{escape(query.file)}</h2>\n<ol>{first}</figure></li>\n{hits}</ol></section>"


def _hit(rank: int, hit: HitView, pid: str) -> str:
    mark = "" if not (pid and hit.pid) else ' class="same"' if pid == hit.pid else ' class="other"'
    told = ", ".join(filter(None, [f"identity {hit.pid}" if hit.pid else "", f"camera {hit.camid}" * (hit.camid >= 0)]))
    caption = f"<b>{rank}. {hit.distance:.4f}</b><br>{escape(told)}<br>{escape(Path(hit.file).name)}"
    return f"<li{mark}><figure>{_image(hit.file, f'hit {rank}')}<figcaption>{caption}</figcaption></figure></li>"


def _image(file: str, what: str, sent: EncodedImage | None = None) -> str:
    """A thumbnail as a data URI; a file that is gone is said so."""
    from PIL import Image  # noqa: PLC0415

    from reid_core.data.sources import read_image  # noqa: PLC0415

    try:
        image = read_image(io.BytesIO(sent.data) if sent is not None else Path(file))
    except (OSError, ValueError, Image.DecompressionBombError):
        return '<div class="none">no image</div>'
    image.thumbnail((2 * _HEIGHT, _HEIGHT))
    kept = io.BytesIO()
    image.save(kept, "JPEG", quality=82)
    code = base64.b64encode(kept.getvalue()).decode()
    return f'<img alt="{escape(what)}: {escape(Path(file).name)}" src="data:image/jpeg;base64,{code}">'
