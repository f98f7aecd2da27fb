"""Dynamic batches: images of many callers go through a model together, in one thread, a bounded number at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from orchestrator.service.errors import Conflict
from reid_core.data.sources import Pixels
from reid_core.embedder import Rows

__all__ = ["BatchFigures", "Batches", "Busy"]


class Busy(Conflict):
    """So many images wait already; in about `seconds` there is room again."""

    def __init__(self, seconds: float) -> None:
        super().__init__("the model has as much to do as it may keep waiting", hint=f"try again in {seconds:.0f} s")
        self.seconds = seconds


@dataclass(slots=True)
class BatchFigures:
    """What was done so far: `waited` and `computed` in seconds, summed over images and over batches."""

    images: int = 0
    batches: int = 0
    refused: int = 0
    failed: int = 0
    waited: float = 0.0
    computed: float = 0.0


@dataclass(frozen=True, slots=True)
class _Asked:
    pixels: Pixels
    answer: Future[Rows]
    at: float


class Batches:
    """Runs `embed`, (N, H, W, 3) to (N, D), over what is submitted: at most `most` images at once.

    A batch begins when it is full, when nobody is on the way (`coming`), or when its first image has waited `delay`
    seconds. At most `queue` images wait; `submit` refuses more. One thread calls `embed`.
    """

    def __init__(self, embed: Callable[[Pixels], Rows], *, most: int, delay: float, queue: int) -> None:
        self._embed = embed
        self._most, self._delay, self._limit = most, delay, queue
        self._waiting: deque[_Asked] = deque()
        self._images = self._coming = 0
        self._closing = False
        self._changed = threading.Condition()
        self.figures = BatchFigures()
        self._thread = threading.Thread(target=self._run, name="reid-model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Images that wait now."""
        return self._images

    @property
    def alive(self) -> bool:
        """Whether there is somebody who takes them."""
        return self._thread.is_alive() and not self._closing

    def check_room(self, images: int = 1) -> None:
        """Raise Busy when `images` more may not wait."""
        if self._closing or (self._images and self._images + images > self._limit):
            self.figures.refused += 1
            raise Busy(self._seconds_to_room())

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Somebody is about to submit within the block: a batch may wait for them, and does for nobody else."""
        with self._changed:
            self._coming += 1
        try:
            yield
        finally:
            with self._changed:
                self._coming -= 1
                self._changed.notify()

    def submit(self, pixels: Pixels) -> Future[Rows]:
        """Embeddings (N, D) to come of images (N, H, W, 3). Raises Busy."""
        asked = _Asked(pixels, Future(), time.perf_counter())
        with self._changed:
            self.check_room(len(pixels))
            self._waiting.append(asked)
            self._images += len(pixels)
            self._changed.notify()
        return asked.answer

    def close(self) -> None:
        """Take nothing more, finish what waits, end the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _seconds_to_room(self) -> float:
        done = self.figures
        each = done.computed / done.images if done.images else 0.05
        return max(1.0, each * self._images / 2)

    def _run(self) -> None:
        while batch := self._next():
            self._answer([asked for asked in batch if asked.answer.set_running_or_notify_cancel()])

    def _next(self) -> list[_Asked]:
        """The next batch, when it is time for it; nothing at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closing)
            if not self._waiting:
                return []
            left = self._waiting[0].at + self._delay - time.perf_counter()
            self._changed.wait_for(self._complete, timeout=max(0.0, left))
            taken = [self._waiting.popleft()]
            size = len(taken[0].pixels)
            while self._waiting and size + len(self._waiting[0].pixels) <= self._most:
                taken.append(self._waiting.popleft())
                size += len(taken[-1].pixels)
            self._images -= size
        return taken

    def _complete(self) -> bool:
        return self._images >= self._most or not self._coming or self._closing

    def _answer(self, batch: list[_Asked]) -> None:
        if not batch:
            return
        began = time.perf_counter()
        try:
            rows = self._embed(np.concatenate([asked.pixels for asked in batch]))
        except Exception as error:  # noqa: BLE001 - whoever asked hears of it; the thread goes on
            self.figures.failed += 1
            if len(batch) == 1:
                batch[0].answer.set_exception(error)
            for asked in batch if len(batch) > 1 else ():  # nobody suffers from another one's picture
                self._answer([asked])
            return
        self.figures.computed += time.perf_counter() - began
        self.figures.batches += 1
        start = 0
        for asked in batch:
            stop = start + len(asked.pixels)
            self.figures.images += len(asked.pixels)
            self.figures.waited += (began - asked.at) * len(asked.pixels)
            asked.answer.set_result(rows[start:stop])
            start = stop
