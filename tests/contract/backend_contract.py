"""What every backend promises, as a suite: subclass it with a `backend` fixture."""

from __future__ import annotations

import time
from pathlib import Path

import psutil
import pytest

from orchestrator.backends.protocol import Backend, Beat, Ended, Message, Placed, Reported, Saved
from orchestrator.trial.kinds import FailureKind
from orchestrator.trial.protocol import Completed, Failed, Paused, SegmentSpec


def spec(directory: Path, segment: int = 1, *, to_epoch: int = 4, checkpoint=None, **config) -> SegmentSpec:
    return SegmentSpec(
        study="s",
        trial=segment,
        segment=segment,
        config={"lr": 1e-3, **config},
        from_epoch=checkpoint.epoch if checkpoint else 0,
        to_epoch=to_epoch,
        checkpoint=checkpoint,
        seed=0,
        directory=str(directory / f"{segment:04d}"),
    )


def drain(backend: Backend, segments: int, seconds: float = 60, on_message=None, *, beats=False) -> list[Message]:
    """Pump until so many segments have ended. Signs of life and places are left out unless `beats`."""
    messages: list[Message] = []

    def sink(message: Message) -> None:
        if beats or not isinstance(message, Beat | Placed):
            messages.append(message)
        if on_message is not None:
            on_message(message)

    deadline = time.monotonic() + seconds
    while sum(isinstance(message, Ended) for message in messages) < segments:
        assert time.monotonic() < deadline, messages
        backend.pump(sink, 0.2)
    return messages


class BackendContract:
    """Run against every implementation of orchestrator.backends.protocol.Backend over trials.curves:CurveTrial."""

    def test_messages_come_in_order_and_the_last_says_how_it_ended(self, backend, tmp_path):
        backend.start(spec(tmp_path))
        messages = drain(backend, 1)
        assert [type(message) for message in messages] == [Saved, Reported] * 4 + [Ended]
        assert [message.epoch for message in messages if isinstance(message, Reported)] == [1, 2, 3, 4]
        assert isinstance(messages[-1].outcome, Completed)
        assert messages[-1].outcome.checkpoint.epoch == 4
        assert messages[-1].worker

    def test_segment_continues_from_its_checkpoint_with_the_same_values(self, backend, tmp_path):
        backend.start(spec(tmp_path, 1, to_epoch=4))
        straight = [m.metrics for m in drain(backend, 1) if isinstance(m, Reported)]
        backend.start(spec(tmp_path, 2, to_epoch=2))
        first = drain(backend, 1)
        backend.start(spec(tmp_path, 2, to_epoch=4, checkpoint=first[-1].outcome.checkpoint))
        second = drain(backend, 1)
        assert [m.metrics for m in first + second if isinstance(m, Reported)] == straight

    def test_stop_pauses_after_a_whole_epoch_with_a_checkpoint(self, backend, tmp_path):
        backend.start(spec(tmp_path, to_epoch=500, **{"TEST.DELAY": 0.02}))

        def stop_at_two(message):
            if isinstance(message, Reported) and message.epoch == 2:
                backend.stop(1)

        messages = drain(backend, 1, on_message=stop_at_two)
        outcome = messages[-1].outcome
        assert isinstance(outcome, Paused)
        assert outcome.checkpoint.epoch == messages[-2].epoch < 500

    def test_stop_within_an_epoch_pauses_in_it_with_the_checkpoint_of_the_one_before(self, backend, tmp_path):
        backend.start(spec(tmp_path, to_epoch=2))
        first = drain(backend, 1)[-1].outcome.checkpoint
        backend.start(spec(tmp_path, 2, to_epoch=4, checkpoint=first, **{"TEST.DELAY": 3600.0}))

        asked = []

        def leave(message):
            if message == Beat(2) and not asked:
                asked.append(backend.stop(2, within=True))

        messages = drain(backend, 1, on_message=leave, beats=True)
        assert messages[-1].outcome == Paused(first)

    def test_crashing_trial_is_a_result_and_the_slot_is_free_again(self, backend, tmp_path):
        backend.start(spec(tmp_path, 1, **{"TEST.CRASH_ALWAYS": True}))
        outcome = drain(backend, 1)[-1].outcome
        assert isinstance(outcome, Failed)
        assert outcome.kind == "bug"
        assert "made to crash" in outcome.message
        backend.start(spec(tmp_path, 2))
        ended = drain(backend, 1)[-1]
        assert isinstance(ended.outcome, Completed), ended

    def test_no_segment_starts_without_a_free_slot(self, backend, tmp_path):
        for number in range(backend.slots):
            backend.start(spec(tmp_path, number + 1))
        with pytest.raises(RuntimeError, match="slot"):
            backend.start(spec(tmp_path, 99))
        drain(backend, backend.slots)

    def test_stop_of_an_unknown_segment_is_ignored(self, backend, tmp_path):
        backend.stop(12345)
        backend.start(spec(tmp_path))
        ended = drain(backend, 1)[-1]
        assert isinstance(ended.outcome, Completed), ended

    def test_log_of_the_trial_is_a_file_in_its_folder(self, backend, tmp_path):
        backend.start(spec(tmp_path, 7))
        drain(backend, 1)
        assert "epochs 1 to 4" in (tmp_path / "0007" / "trial.log").read_text()

    def test_a_segment_gives_a_sign_of_life_before_its_first_result(self, backend, tmp_path):
        backend.start(spec(tmp_path, 3))
        assert drain(backend, 1, beats=True)[0] == Beat(3)

    def test_end_of_an_unknown_segment_is_ignored(self, backend, tmp_path):
        backend.end(12345, HUNG)
        backend.start(spec(tmp_path))
        ended = drain(backend, 1)[-1]
        assert isinstance(ended.outcome, Completed), ended


class EndingContract:
    """What every backend promises whose segments run in processes of their own."""

    def test_an_ended_segment_counts_once_as_told_and_its_slot_is_free(self, backend, tmp_path):
        backend.start(spec(tmp_path, 1, to_epoch=100_000, **{"TEST.DELAY": 0.02}))

        def end_at_two(message):
            if isinstance(message, Reported) and message.epoch == 2:
                backend.end(1, HUNG)
                backend.end(1, HUNG)

        assert drain(backend, 1, on_message=end_at_two)[-1].outcome == HUNG
        backend.start(spec(tmp_path, 2))
        after = drain(backend, 1)
        assert {message.segment for message in after} == {2}
        assert isinstance(after[-1].outcome, Completed)

    def test_ending_a_hanging_segment_ends_what_it_started_too(self, backend, tmp_path):
        family = tmp_path / "family"
        backend.start(spec(tmp_path, 1, **{"TEST.HANG": str(family)}))
        while not family.exists():
            backend.pump(lambda _: None, 0.05)
        pids = [int(pid) for pid in family.read_text().split()]
        assert all(map(psutil.pid_exists, pids))
        backend.end(1, HUNG)
        assert drain(backend, 1)[-1].outcome == HUNG
        assert not [pid for pid in pids if alive(pid)]


def alive(pid: int) -> bool:
    """Whether the process runs; one that is dead and only not yet collected does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


HUNG = Failed(FailureKind.TIMEOUT, "no sign of life", retryable=True)
