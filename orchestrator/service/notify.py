"""Notifications beside a study: one thread for each channel of HOME/notify.yaml, in a process of their own."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Thread

from filelock import FileLock
from pydantic import BaseModel, ConfigDict

from orchestrator.notify import Notices, NotifySettings, load_settings, open_channel, tell
from orchestrator.notify.follow import Cursor
from orchestrator.notify.notices import trial_notice
from orchestrator.notify.settings import EmailSettings, WebhookSettings
from orchestrator.service import logs
from orchestrator.service.following import while_held
from orchestrator.service.home import Home
from orchestrator.service.processes import spawn
from orchestrator.service.secrets import redacted
from orchestrator.service.service import Service
from orchestrator.store import StudyRow
from reid_core.errors import ReidTuneError

__all__ = ["ChannelView", "channels", "notify_beside", "settings_file", "tell_study", "try_channels"]


class ChannelView(BaseModel):
    """A channel, without secrets; after a test whether its message arrived."""

    model_config = ConfigDict(frozen=True)

    name: str
    kind: str
    to: str
    on: tuple[str, ...]
    arrived: bool | None = None
    message: str = ""


def settings_file(home: Home) -> Path:
    """Where notifications are set up."""
    return home.root / "notify.yaml"


def notify_beside(service: Service, study: str, directory: Path) -> subprocess.Popen[bytes] | None:
    """Start the process that tells what happens in a study, where HOME/notify.yaml asks for one.

    It ends by itself when the study rests and everything arrived or was given up; nobody waits for it.
    """
    if not settings_file(service.home).exists():
        return None
    words = [str(service.home.root), study]
    return spawn("orchestrator.service.notify_process", words, directory / "notify.log", nice=10)


def channels(home: Home) -> list[ChannelView]:
    """What is set up; nothing where there is no file. Raises InvalidInput."""
    found = load_settings(settings_file(home))
    return [] if found is None else [_view(name, one) for name, one in sorted(found.channels.items())]


def try_channels(home: Home) -> list[ChannelView]:
    """Send a test by every channel, once each. Raises InvalidInput; what did not arrive is in the views."""
    found = load_settings(settings_file(home))
    notice = trial_notice(time.time(), socket.gethostname())
    made = []
    for name, settings in sorted(found.channels.items()) if found is not None else ():
        try:
            open_channel(name, settings).send(notice)
            arrived, message = True, ""
        except ReidTuneError as error:
            arrived, message = False, redacted(error.message)
        made.append(_view(name, settings).model_copy(update={"arrived": arrived, "message": message}))
    return made


def tell_study(service: Service, study: str) -> int:
    """Tell a study while a controller holds it, then what is left; the number of notices that arrived."""
    row = service.store.find(study)
    found = load_settings(settings_file(service.home)) or NotifySettings(channels={})
    directory = service.home.study(row.id)
    directory.mkdir(parents=True, exist_ok=True)
    counts: list[int] = []
    with FileLock(directory / "notify.lock"):  # the one of an earlier controller may still be trying
        follow = while_held(service.store, row.id)
        threads = [
            Thread(target=_tell, args=(service, row, name, settings, follow, counts), name=f"notify-{name}")
            for name, settings in sorted(found.channels.items())
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return sum(counts)


def _tell(
    service: Service,
    row: StudyRow,
    name: str,
    settings: WebhookSettings | EmailSettings,
    follow: Callable[[], bool],
    counts: list[int],
) -> None:
    """One channel, to the study's end."""
    try:
        channel = open_channel(name, settings)
        cursor = Cursor(
            lambda after: service.store.events(row.id, after=after),
            partial(service.store.cursor, row.id, f"notify:{name}"),
            partial(service.store.set_cursor, row.id, f"notify:{name}"),
        )
        notices = Notices(settings.on, every=settings.every, clean=redacted)
        counts.append(tell(cursor, notices, channel.send, follow=follow, tries=settings.tries))
    except Exception as error:  # noqa: BLE001 - a thread's border: the other channels go on, the log tells
        logs.failed(f"notifications to {name} ended", error, study=row.id, channel=name)


def _view(name: str, settings: WebhookSettings | EmailSettings) -> ChannelView:
    if isinstance(settings, WebhookSettings):
        to = redacted(settings.url) if settings.url else f"the address in {settings.url_env}"
    else:
        to = ", ".join(settings.to)
    return ChannelView(name=name, kind=settings.kind, to=to, on=tuple(one.value for one in settings.on))
