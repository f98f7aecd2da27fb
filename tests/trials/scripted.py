"""A backend whose segments say all that they have to say as soon as they start."""

from __future__ import annotations

from orchestrator.backends.protocol import Message, Sink
from orchestrator.trial.protocol import SegmentSpec

__all__ = ["ScriptedBackend"]


class ScriptedBackend:
    """One slot; `start` puts messages into `messages`, and `pump` delivers them."""

    slots = 1

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def start(self, spec: SegmentSpec) -> None:
        """What the segment says."""
        raise NotImplementedError

    def pump(self, sink: Sink, _timeout: float) -> None:
        told, self.messages = self.messages, []
        for message in told:
            sink(message)

    def stop(self, *_: object, **__: object) -> None:
        """Nothing runs between two calls of `pump`."""

    end = avoid = close = stop
