from __future__ import annotations

import email
import hashlib
import hmac
import socket

import pytest
from aiosmtpd.controller import Controller as MailServer
from notified import Story, receiver

from orchestrator.notify import Notices, load_settings, open_channel, tell
from orchestrator.notify.channels import ID_HEADER, SIGNATURE_HEADER
from orchestrator.notify.follow import Cursor
from orchestrator.notify.notices import NoticeKind, trial_notice
from orchestrator.notify.settings import EmailSettings, WebhookSettings
from reid_core.errors import InvalidInput, ServerUnreachable, UsageError

NOTICE = trial_notice(1000.0, "here")


@pytest.fixture
def web():
    with receiver() as made:
        yield made


class Mailbox:
    def __init__(self):
        self.mails, self.refuse, self.unknown = [], False, set()

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802 - aiosmtpd's name
        del server, session, options
        if address in self.unknown:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        del server, session
        if self.refuse:
            return "451 try again later"
        self.mails.append(envelope)
        return "250 taken"


@pytest.fixture
def mailbox():
    box = Mailbox()
    server = MailServer(box, hostname="127.0.0.1", port=0, ready_timeout=30)
    with socket.socket() as probe:  # aiosmtpd checks that it answers on the port it was given
        probe.bind(("127.0.0.1", 0))
        server.port = box.port = probe.getsockname()[1]
    server.start()
    yield box
    server.stop()


def webhook(web, **changes):
    return WebhookSettings(kind="webhook", url=web.url, **changes)


def mail(box, **changes):
    asked = {"to": ["a@example.org", "b@example.org"], "from": "r@example.org", "server": "127.0.0.1"}
    return EmailSettings.model_validate({"kind": "email", **asked, "port": box.port, "security": "none", **changes})


def follow(story, channel, cursor, *, rests=None, tries=3, now=1010.0, every=0):
    """Tells a story that is over; gives (arrived, seconds waited)."""
    waits = []
    place = Cursor(story.read, lambda: cursor[0], lambda seq: cursor.__setitem__(0, seq))
    count = tell(
        place,
        Notices(tuple(NoticeKind), every=every),
        channel.send,
        follow=rests or (lambda: False),
        tries=tries,
        clock=lambda: now,
        sleep=waits.append,
    )
    return count, waits


def test_a_webhook_gets_json_with_an_id_and_a_signature_that_its_owner_can_check(web):
    settings = webhook(web, secret_env="KEY")
    open_channel("chat", settings, {"KEY": "s3cr3t"}).send(NOTICE)
    headers, body = web.requests[0]
    assert web.taken[0]["title"] == "reid-tune on here: a test"
    assert (headers["Content-Type"], headers[ID_HEADER]) == ("application/json", NOTICE.id)
    assert headers[SIGNATURE_HEADER] == "sha256=" + hmac.new(b"s3cr3t", body, hashlib.sha256).hexdigest()


@pytest.mark.parametrize("code", [302, 404, 500])
def test_anything_but_success_is_an_error_that_names_no_address(web, code):
    web.answers = [code]
    with pytest.raises(ServerUnreachable, match=str(code)) as refused:
        open_channel("chat", webhook(web), {}).send(NOTICE)
    assert "127.0.0.1" not in str(refused.value)
    assert web.requests == [], "a redirection is not followed"


def test_a_webhook_that_nobody_answers_is_an_error(web):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = WebhookSettings(kind="webhook", url=f"http://127.0.0.1:{taken.getsockname()[1]}/")
        with pytest.raises(ServerUnreachable, match="refused"):
            open_channel("chat", settings, {}).send(NOTICE)


def test_a_mail_arrives_with_subject_text_and_an_id(mailbox):
    open_channel("me", mail(mailbox), {}).send(NOTICE)
    envelope = mailbox.mails[0]
    assert (envelope.mail_from, envelope.rcpt_tos) == ("r@example.org", ["a@example.org", "b@example.org"])
    found = email.message_from_bytes(envelope.content)
    assert found["Subject"] == NOTICE.title
    assert found["Message-ID"] == "<test.1000@reid-tune>"
    assert "what notifications of reid-tune look like" in found.get_payload()


def test_a_mail_server_that_refuses_or_knows_no_encryption_is_an_error(mailbox):
    mailbox.refuse = True
    with pytest.raises(ServerUnreachable, match="451 try again later"):
        open_channel("me", mail(mailbox), {}).send(NOTICE)
    with pytest.raises(ServerUnreachable, match="STARTTLS"):
        open_channel("me", mail(mailbox, security="starttls"), {}).send(NOTICE)


def test_a_recipient_that_is_refused_is_named_in_the_log_and_the_others_have_the_mail_once(mailbox, caplog):
    mailbox.unknown = {"a@example.org"}
    count, waits = follow(Story().ends(), open_channel("me", mail(mailbox), {}), [0])
    assert (count, waits) == (1, [])
    assert [one.rcpt_tos for one in mailbox.mails] == [["b@example.org"]]
    assert "does not take mail for a@example.org" in caplog.text
    mailbox.unknown.add("b@example.org")
    with pytest.raises(ServerUnreachable, match=r"mail for a@example\.org, b@example\.org"):
        open_channel("me", mail(mailbox), {}).send(NOTICE)


def test_a_missing_secret_names_its_variable():
    settings = WebhookSettings(kind="webhook", url_env="CHAT_URL")
    with pytest.raises(UsageError, match="CHAT_URL"):
        open_channel("chat", settings, {})


def test_what_is_told_arrives_in_order_and_the_cursor_stands_at_the_end(web):
    story, cursor = Story().trial(1, 0.2, 0.3).loses_node().ends(), [0]
    count, _ = follow(story, open_channel("chat", webhook(web), {}), cursor)
    assert [one["kind"] for one in web.taken] == ["best", "best", "node", "end"]
    assert (count, cursor) == (4, [len(story.log)])
    assert follow(story, open_channel("chat", webhook(web), {}), cursor)[0] == 0, "nothing is told twice"


def test_an_outage_is_waited_out_and_nothing_is_lost(web):
    web.answers = [503, 503]
    count, waits = follow(Story().trial(1, 0.2).ends(), open_channel("chat", webhook(web), {}), [0])
    assert (count, waits) == (2, [1.0, 2.0])
    assert [one["kind"] for one in web.taken] == ["best", "end"]


def test_a_store_that_is_away_for_a_while_does_not_end_the_telling(web):
    looks = iter([ServerUnreachable("the store is away"), ServerUnreachable("the store is away"), True, False])

    def rests():
        look = next(looks, False)
        if isinstance(look, Exception):
            raise look
        return look

    count, _ = follow(Story().trial(1, 0.2).ends(), open_channel("chat", webhook(web), {}), [0], rests=rests)
    assert count == 2


def test_a_message_that_never_arrives_is_given_up_with_a_line_and_the_next_one_is_told(web, caplog):
    web.answers = [500, 500, 500]
    count, _ = follow(Story().trial(1, 0.2).ends(), open_channel("chat", webhook(web), {}), [0])
    assert (count, [one["kind"] for one in web.taken]) == (1, ["end"])
    assert "nothing reaches channel chat: answers 500" in caplog.text
    assert "given up" in caplog.text


def test_a_teller_that_dies_before_its_cursor_moved_tells_again_under_the_same_id(web):
    class Died(BaseException):
        pass

    story, cursor = Story().trial(1, 0.2).ends(), [0]
    channel = open_channel("chat", webhook(web), {})

    def dies(seq):
        raise Died

    place = Cursor(story.read, lambda: 0, dies)
    with pytest.raises(Died):
        tell(place, Notices(tuple(NoticeKind)), channel.send, follow=lambda: False, clock=lambda: 1010.0)
    follow(story, channel, cursor)
    assert [one["id"] for one in web.taken] == ["id-cows:5", "id-cows:5", "id-cows:6"]


def test_what_happened_a_day_ago_is_no_news(web):
    count, _ = follow(Story().trial(1, 0.2).ends(), open_channel("chat", webhook(web), {}), [0], now=1000.0 + 2 * 86400)
    assert (count, web.requests) == (0, [])


def test_a_date_set_forward_while_a_study_is_told_makes_nothing_old(web):
    story, dates = Story().trial(1, 0.2).ends(), iter([1010.0])
    place = Cursor(story.read, lambda: 0, lambda _: None)
    channel = open_channel("chat", webhook(web), {})
    later = 1010.0 + 3 * 86400
    tell(place, Notices(tuple(NoticeKind)), channel.send, follow=lambda: False, clock=lambda: next(dates, later))
    assert [one["kind"] for one in web.taken] == ["best", "end"]


GOOD = """\
channels:
  chat: {kind: webhook, url: https://chat.example.org/in, on: [end, failure]}
  me:
    kind: email
    to: [anna@example.org]
    from: reid-tune@example.org
    server: mail.example.org
    user_env: MAIL_USER
    password_env: MAIL_PASSWORD
"""


def test_settings_are_read_with_a_bare_on(tmp_path):
    (tmp_path / "notify.yaml").write_text(GOOD)
    found = load_settings(tmp_path / "notify.yaml")
    assert found is not None
    assert [one.value for one in found.channels["chat"].on] == ["end", "failure"]
    assert load_settings(tmp_path / "none.yaml") is None


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("channels: [", "is no YAML"),
        ("channels: {a: {kind: fax}}", "channels.a"),
        ("channels: {a: {kind: webhook}}", "give either url or url_env"),
        ("channels: {a: {kind: webhook, url: 'file:///etc/passwd'}}", "must be http"),
        ("channels: {a: {kind: webhook, url: 'http://x', colour: red}}", "channels.a.colour"),
        ("channels: {a: {kind: webhook, url: 'http://x', on: [always]}}", "channels.a.on.0"),
        ("channels: {a: {kind: email, to: ['x'], from: a@b, server: s}}", "'x' is no mail address"),
        (GOOD.replace("    password_env: MAIL_PASSWORD\n", ""), "belong together"),
        (GOOD + "    security: none\n", "not sent without encryption"),
        ("[]", "the file"),
    ],
)
def test_settings_that_are_wrong_say_where_and_what(tmp_path, text, what):
    (tmp_path / "notify.yaml").write_text(text)
    with pytest.raises(InvalidInput) as refused:
        load_settings(tmp_path / "notify.yaml")
    assert what in str(refused.value)
    assert "notify.yaml" in str(refused.value)
