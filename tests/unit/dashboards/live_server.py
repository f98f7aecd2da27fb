"""The real server on a free port of loopback, in a thread, for tests that need a socket: streams and browsers."""

import threading
import time
from contextlib import contextmanager

from dashboards.app import create_app
from dashboards.serve import StreamingServer, bind, web_config


@contextmanager
def running(service, token=""):
    """Yields the base address; stops the server as Ctrl-C does."""
    listener = bind("127.0.0.1", 0)
    app = create_app(service, token=token)
    config = web_config(app)
    server = StreamingServer(config, app.state.feed)
    server.install_signal_handlers = lambda: None
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
    assert not thread.is_alive(), "the server did not stop"
