"""A web server that takes notices and says no when asked to, and the log of a small study."""

from __future__ import annotations

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from trials.studies import created

from orchestrator.events import (
    ControllerStarted,
    EpochReported,
    Logged,
    NodeSetAside,
    Origin,
    OutcomeKind,
    SegmentEnded,
    SegmentStarted,
    StudyEnded,
    StudyStatus,
    TrialSuggested,
)
from orchestrator.trial.kinds import FailureKind


class Receiver:
    """Takes POSTs; the next ones are answered with the codes in `answers`, then with 204."""

    def __init__(self) -> None:
        self.answers: list[int] = []
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.heard = threading.Condition()
        self.url = ""

    @property
    def taken(self):
        return [json.loads(body) for _, body in self.requests]

    def until(self, count, seconds=60.0):
        with self.heard:
            assert self.heard.wait_for(lambda: len(self.requests) >= count, seconds), self.taken


@contextlib.contextmanager
def receiver():
    made = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            with made.heard:
                code = made.answers.pop(0) if made.answers else 204
                if code < 300:
                    made.requests.append((dict(self.headers), body))
                self.send_response(code)
                if 300 <= code < 400:
                    self.send_header("Location", made.url + "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()
                made.heard.notify_all()

        def log_message(self, *_):
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/in"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Story:
    """Events one after another, `step` seconds apart."""

    def __init__(self, step=1.0, at=1000.0):
        self.log: list[Logged] = []
        self.step, self.at = step, at
        self.add(created("cows"), ControllerStarted(owner="here:1", token=1, workers=1))

    def add(self, *events):
        for event in events:
            self.log.append(Logged(len(self.log) + 1, self.at, event))
            self.at += self.step
        return self

    def trial(self, number, *scores, confirms=None):
        self.add(
            TrialSuggested(
                trial=number, values={}, origin=Origin.MODEL, reason="", bracket=0, to_epoch=9, confirms=confirms
            ),
            SegmentStarted(segment=number, trial=number, from_epoch=0, to_epoch=9),
            *(
                EpochReported(trial=number, segment=number, epoch=epoch, metrics={"mAP": score})
                for epoch, score in enumerate(scores, 1)
            ),
        )
        return self

    def fails(self, number, message="broke", final=True):
        return self.add(
            SegmentEnded(
                segment=number,
                trial=number,
                outcome=OutcomeKind.FAILED,
                failure=FailureKind.BUG,
                message=message,
                final=final,
            )
        )

    def loses_node(self, node="node-3"):
        return self.add(NodeSetAside(node=node, reason="its disk is full"))

    def ends(self, status=StudyStatus.COMPLETED, reason="the plan is done"):
        return self.add(StudyEnded(status=status, reason=reason))

    def read(self, after):
        return iter(self.log[after:])
