"""Notifications as a projection of the event log: what is worth telling, by which channel, until it has arrived.

What may come in: reading events and sending a message about one. Nothing waits for it, nothing is decided by it.
"""

from orchestrator.notify.channels import Channel, open_channel
from orchestrator.notify.follow import tell
from orchestrator.notify.notices import Notice, Notices
from orchestrator.notify.settings import NotifySettings, load_settings

__all__ = ["Channel", "Notice", "Notices", "NotifySettings", "load_settings", "open_channel", "tell"]
