"""What the first and the second signal do, and that nobody has to read what they print."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from orchestrator.cli.interrupts import Interrupts, StopAsked


class Unread:
    """A stream whose reader is gone."""

    encoding = "utf-8"

    def write(self, _):
        raise BrokenPipeError

    flush = write


@pytest.mark.parametrize(("number", "within"), [(signal.SIGINT, False), (signal.SIGTERM, True)])
def test_the_first_asks_and_the_second_stops_now(capfd, number, within):
    asked = StopAsked()
    with Interrupts(asked.ask, lambda: "again --resume"):
        os.kill(os.getpid(), number)
        assert (asked.stop(), asked.leave()) == (True, within)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    said = capfd.readouterr().err
    assert said.count("again --resume") == 2
    assert "every finished epoch is kept" in said


def test_a_reader_that_the_same_signal_ended_hinders_nothing(monkeypatch):
    asked = StopAsked()
    monkeypatch.setattr(sys, "stderr", Unread())
    with Interrupts(asked.ask, lambda: "again"):
        os.kill(os.getpid(), signal.SIGINT)
    assert asked.stop()


def test_lines_that_nobody_reads_ask_to_stop(monkeypatch):
    asked = StopAsked()
    monkeypatch.setattr(sys, "stdout", Unread())
    monkeypatch.setattr("orchestrator.cli.interrupts.discard_output", lambda: None)
    asked.say("epoch 1")
    assert (asked.stop(), asked.leave()) == (True, False)
