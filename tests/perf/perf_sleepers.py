"""Workers that sleep: a backend of any number of slots in one process, for what the controller costs.

A segment's epochs fall due one after the other; between them nothing is computed. Time is the CPU time of this process,
and what nobody works in is skipped: a controller that is late leaves its workers idle, and a study of days is measured
in minutes, whatever else the machine does. Waits for the disk do not count.
"""

from __future__ import annotations

import heapq
import math
import time
from dataclasses import dataclass, field

from orchestrator.backends.protocol import Ended, Reported, Saved, Sink
from orchestrator.trial.protocol import CheckpointRef, Completed, Failed, Paused, SegmentSpec

__all__ = ["Sleepers"]


@dataclass(slots=True)
class _Asleep:
    spec: SegmentSpec
    epoch: int
    began: float


@dataclass(slots=True)
class Sleepers:
    """`slots` workers whose epochs take `delay` seconds each. `busy` are the times in which one slept."""

    slots: int
    delay: float
    asleep: dict[int, _Asleep] = field(default_factory=dict)
    due: list[tuple[float, int]] = field(default_factory=list)
    stopping: set[int] = field(default_factory=set)
    busy: list[tuple[float, float]] = field(default_factory=list)
    starts: list[float] = field(default_factory=list)
    skipped: float = 0.0

    def now(self) -> float:
        """Seconds on the study's clock."""
        return time.process_time() + self.skipped

    def start(self, spec: SegmentSpec) -> None:
        """Fall asleep for the first epoch."""
        now = self.now()
        self.starts.append(now)
        self.asleep[spec.segment] = _Asleep(spec, spec.from_epoch, now)
        heapq.heappush(self.due, (now + self.delay, spec.segment))

    def pump(self, sink: Sink, timeout: float) -> None:  # noqa: ARG002 - nobody waits
        """Tell every epoch that fell due; when none has, it is at once the time of the next."""
        if self.due:
            self.skipped += max(0.0, self.due[0][0] - self.now())
        now = self.now()
        while self.due and self.due[0][0] <= now:
            at, segment = heapq.heappop(self.due)
            self._epoch(at, self.asleep[segment], sink)

    def stop(self, segment: int, *, within: bool = False) -> None:  # noqa: ARG002 - there is nothing within
        """Wake after this epoch."""
        self.stopping.add(segment)

    def end(self, segment: int, outcome: Failed) -> None:
        """Nobody hangs here."""

    def avoid(self, node: str) -> None:
        """There is one node."""

    def close(self) -> None:
        """Nothing to free."""

    def share_busy(self) -> float:
        """Of the slots' time between the first and the last start, how much was slept."""
        low, high = self.starts[0], self.starts[-1]
        slept = sum(max(0.0, min(end, high) - begin) for begin, end in self.busy)
        return slept / (self.slots * (high - low))

    def _epoch(self, at: float, one: _Asleep, sink: Sink) -> None:
        spec = one.spec
        one.epoch += 1
        checkpoint = CheckpointRef(f"{spec.directory}/epoch-{one.epoch}.pt", one.epoch, "0" * 64)
        done, stopped = one.epoch >= spec.to_epoch, spec.segment in self.stopping
        if done or stopped:  # by its own clock it is free now, however late this is heard
            self.busy.append((one.began, at))
            del self.asleep[spec.segment]
            self.stopping.discard(spec.segment)
        else:
            heapq.heappush(self.due, (at + self.delay, spec.segment))
        sink(Saved(spec.segment, checkpoint))
        sink(Reported(spec.segment, one.epoch, _score(spec, one.epoch)))
        if done or stopped:
            sink(
                Ended(spec.segment, Completed(checkpoint) if done else Paused(checkpoint), at - one.began, "sleeper:1")
            )


def _score(spec: SegmentSpec, epoch: int) -> dict[str, float]:
    """Follows the learning rate, so that models have something to learn; differs a little from trial to trial."""
    rate = float(str(spec.config["SOLVER.BASE_LR"]))
    level = math.exp(-((math.log10(rate) + 3.2) ** 2)) * (0.5 + 0.02 * math.sin(spec.trial))
    value = level * (1 - math.exp(-epoch / 20))
    return {"mAP": value, "mINP": 0.3 * value, "rank1": min(0.99, 1.4 * value), "loss": 2 - value, "seconds": 1.0}
