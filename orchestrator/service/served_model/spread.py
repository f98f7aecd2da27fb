"""How near what is asked has been to the index, lately: windows of a histogram in a file beside the index."""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from orchestrator.service.errors import NotFound
from orchestrator.service.image_index.views import DriftView, WindowView
from reid_core.engine.durable import write_atomically
from reid_core.gallery import drift
from reid_core.gallery.index import open_index

__all__ = ["ASKED", "AskedSpread", "drift_view"]

ASKED = "asked.json"
_WINDOWS, _IN_WINDOW = 10, 1000
_SAVE_SECONDS = 30.0


@dataclass(slots=True)
class _Window:
    began: float
    ended: float
    counts: npt.NDArray[np.int64]


class AskedSpread:
    """Distances of queries to their nearest in the index at `folder`: the last 10 windows of 1,000 queries each.

    Saved every half minute and at the end; a folder that cannot be written keeps none.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._path, self._clock = folder / ASKED, clock
        self._windows: deque[_Window] = deque(_read(self._path), maxlen=_WINDOWS)
        self._saved = clock()
        self._lock = threading.Lock()

    def saw(self, distances: npt.NDArray[np.floating]) -> None:
        """Queries had their nearest at these cosine distances."""
        now = self._clock()
        with self._lock:
            if not self._windows or self._windows[-1].counts.sum() >= _IN_WINDOW:
                self._windows.append(_Window(now, now, np.zeros(drift.BINS, np.int64)))
            self._windows[-1].counts += drift.binned(distances)
            self._windows[-1].ended = now
            due = now - self._saved > _SAVE_SECONDS
        if due:
            self.save()

    def save(self) -> None:
        """Write the windows down."""
        with self._lock:
            self._saved = self._clock()
            windows = [{"began": w.began, "ended": w.ended, "counts": w.counts.tolist()} for w in self._windows]
        with suppress(OSError):  # a folder that only may be read: the service goes on without
            write_atomically(self._path, json.dumps({"windows": windows}).encode())


def drift_view(folder: Path) -> DriftView:
    """What was asked of the index in `folder` against what it was built of. Raises NotFound when nobody asked."""
    state = open_index(folder).state
    windows = _read(folder / ASKED)
    if not windows:
        hint = "`reid-tune serve-model MODEL --index DIR` writes down how near its queries are"
        raise NotFound(f"nobody has asked the index {folder} yet", hint=hint)
    expected = state.spread or (0,) * drift.BINS
    each = [(window, drift.compare_spreads(expected, window.counts.tolist())) for window in windows]
    whole = drift.compare_spreads(expected, np.sum([window.counts for window in windows], axis=0).tolist())
    return DriftView(
        index=str(folder),
        verdict=whole.verdict.value,
        psi=whole.psi,
        ks=whole.ks,
        expected=whole.expected,
        observed=whole.observed,
        expected_median=whole.expected_median,
        observed_median=whole.observed_median,
        psi_watch=drift.PSI_WATCH,
        psi_alarm=drift.PSI_ALARM,
        ks_alarm=drift.KS_ALARM,
        windows=tuple(
            WindowView(
                began=window.began,
                ended=window.ended,
                observed=found.observed,
                median=found.observed_median,
                psi=found.psi,
                ks=found.ks,
                verdict=found.verdict.value,
            )
            for window, found in each
        ),
    )


def _read(path: Path) -> list[_Window]:
    """The windows in a file; none where it is missing or torn: they are figures of late, not records."""
    try:
        told = json.loads(path.read_text())["windows"]
        return [_Window(one["began"], one["ended"], np.array(one["counts"], np.int64)) for one in told]
    except (OSError, ValueError, KeyError, TypeError):
        return []
