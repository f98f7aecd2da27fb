"""`reid-tune notify`: what is told by webhook and mail, and a test of it."""

from __future__ import annotations

import click

from orchestrator.cli.command import Command, Group
from orchestrator.cli.output import console, json_option, print_json, table

__all__ = ["notify_group"]


_EXAMPLE = """\
channels:
  chat:
    kind: webhook
    url: https://chat.example/hook"""


@click.group("notify", cls=Group)
def notify_group() -> None:
    """Webhooks and mails about studies, set up in notify.yaml of the home folder.

    Examples:
      reid-tune notify ls
      reid-tune notify test
    """


@notify_group.command("ls", cls=Command)
@json_option
def notify_ls(*, as_json: bool) -> None:
    """The channels that are set up, without their secrets.

    Examples:
      reid-tune notify ls
      reid-tune notify ls --json
    """
    from orchestrator.service.home import Home
    from orchestrator.service.notify import channels, settings_file

    home = Home.default()
    found = channels(home)
    if as_json:
        print_json(found)
    elif not found:
        click.echo(f"nobody is told anything; {settings_file(home)} would say who (docs/watching.md)")
    else:
        rows = [[one.name, one.kind, one.to, ", ".join(one.on)] for one in found]
        console().print(table(["channel", "kind", "to", "tells"], rows, fold=["to", "tells"]))


@notify_group.command("test", cls=Command)
@json_option
def notify_test(*, as_json: bool) -> int:
    """Send a test by every channel; exit code 4 when one does not arrive.

    Examples:
      reid-tune notify test
      reid-tune notify test --json
    """
    from orchestrator.service.home import Home
    from orchestrator.service.notify import settings_file, try_channels
    from reid_core.errors import NotFound, ServerUnreachable

    home = Home.default()
    found = try_channels(home)
    if not found and not as_json:
        file = settings_file(home)
        told = f"{file} names no channel" if file.exists() else f"{file} is missing"
        raise NotFound(f"{told}: nobody is told anything", hint=f"docs/watching.md says more; for example:\n{_EXAMPLE}")
    if as_json:
        print_json(found)
    else:
        for one in found:
            click.echo(f"{one.name}: {'arrived' if one.arrived else one.message}")
    return 0 if all(one.arrived for one in found) else ServerUnreachable.exit_code
