"""The ways out: a JSON POST with a signature, and a mail."""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from email.message import EmailMessage
from email.utils import formatdate
from http.client import HTTPException
from typing import IO, Protocol

from orchestrator.notify.notices import Notice
from orchestrator.notify.settings import EmailSettings, Security, WebhookSettings
from reid_core.errors import ServerUnreachable, UsageError

__all__ = ["ID_HEADER", "SIGNATURE_HEADER", "Channel", "open_channel", "signature"]

_logger = logging.getLogger(__name__)

ID_HEADER, SIGNATURE_HEADER = "Idempotency-Key", "X-Reid-Tune-Signature"


class Channel(Protocol):
    """Sends one notice."""

    def send(self, notice: Notice) -> None:
        """Return once the far side has taken it. Raises ServerUnreachable when it has not."""


def open_channel(
    name: str, settings: WebhookSettings | EmailSettings, environment: Mapping[str, str] = os.environ
) -> Channel:
    """The channel. Raises UsageError naming the environment variable that is missing."""

    def secret(variable: str) -> str:
        if variable and not environment.get(variable):
            raise UsageError(
                f"notifications to {name} need the environment variable {variable}",
                hint="set it where the controller runs (or the daemon), then try `reid-tune notify test`",
            )
        return environment.get(variable, "")

    if isinstance(settings, WebhookSettings):
        address = settings.url or secret(settings.url_env)
        if not address.startswith(("http://", "https://")):
            raise UsageError(f"{settings.url_env} of {name} holds no http(s) address")
        return _Webhook(name, address, secret(settings.secret_env).encode(), settings.timeout)
    return _Email(name, settings, secret(settings.user_env), secret(settings.password_env))


def signature(key: bytes, body: bytes) -> str:
    """What a receiver compares the header with: `sha256=` and the HMAC of the body in hex."""
    return f"sha256={hmac.new(key, body, hashlib.sha256).hexdigest()}"


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A webhook that moved is an error: the message goes to nobody else."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: object, newurl: str
    ) -> None:
        """Follow nothing."""
        del req, fp, code, msg, headers, newurl


class _Webhook:
    def __init__(self, name: str, address: str, key: bytes, timeout: float) -> None:
        self._name, self._address, self._key, self._timeout = name, address, key, timeout
        self._opener = urllib.request.build_opener(_NoRedirect)

    def send(self, notice: Notice) -> None:
        """POST the notice; any 2xx counts as taken."""
        body = notice.model_dump_json().encode()
        headers = {"Content-Type": "application/json", "User-Agent": "reid-tune", ID_HEADER: notice.id}
        if self._key:
            headers[SIGNATURE_HEADER] = signature(self._key, body)
        asked = urllib.request.Request(self._address, data=body, headers=headers, method="POST")  # noqa: S310 - checked
        try:
            with self._opener.open(asked, timeout=self._timeout) as answer:
                answer.read(1)
        except urllib.error.HTTPError as error:
            error.close()
            raise _unreached(self._name, f"answers {error.code} {error.reason}") from error
        except (OSError, HTTPException, ValueError) as error:  # a name that does not resolve, TLS, no HTTP at all
            raise _unreached(self._name, str(getattr(error, "reason", error)) or type(error).__name__) from None


class _Email:
    def __init__(self, name: str, settings: EmailSettings, user: str, password: str) -> None:
        self._name, self._settings, self._user, self._password = name, settings, user, password

    def send(self, notice: Notice) -> None:
        """Hand the mail to the server. Who is refused beside others that are not is named in the log."""
        asked = self._settings
        try:
            with self._connected() as server:
                if asked.security is Security.STARTTLS:
                    server.starttls(context=ssl.create_default_context())
                if self._user:
                    server.login(self._user, self._password)
                refused = server.send_message(self._mail(notice))
        except (OSError, smtplib.SMTPException) as error:
            raise _unreached(self._name, _reason(error)) from None
        if refused:
            whom = ", ".join(sorted(refused))
            _logger.warning("%s: the server does not take mail for %s; the others have it", self._name, whom)

    def _connected(self) -> smtplib.SMTP:
        asked = self._settings
        if asked.security is Security.TLS:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(asked.server, asked.port, timeout=asked.timeout, context=context)
        return smtplib.SMTP(asked.server, asked.port, timeout=asked.timeout)

    def _mail(self, notice: Notice) -> EmailMessage:
        made = EmailMessage()
        made["Subject"] = " ".join(notice.title.split())
        made["From"], made["To"] = self._settings.sender, ", ".join(self._settings.to)
        made["Date"] = formatdate(notice.at)
        made["Message-ID"] = f"<{notice.id.replace(':', '.')}@reid-tune>"
        told = [f"{name}: {value:.4g}" for name, value in sorted(notice.metrics.items())]
        made.set_content("\n".join([notice.title, *filter(None, [notice.text]), *told]) + "\n")
        return made


def _reason(error: Exception) -> str:
    """What the server said, without what was sent to it."""
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        return f"answers {error.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"does not take mail for {', '.join(sorted(error.recipients))}"
    return str(error) or type(error).__name__


def _unreached(name: str, reason: str) -> ServerUnreachable:
    message = f"nothing reaches channel {name}: {reason}"
    return ServerUnreachable(message, hint="check HOME/notify.yaml: `reid-tune notify test`")
