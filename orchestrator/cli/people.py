"""`reid-tune users` and `audit`: who may sign in to the pages, and what they did there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command, Group
from orchestrator.cli.output import console, json_option, print_json, table

if TYPE_CHECKING:
    from orchestrator.service.people import People

__all__ = ["audit_command", "users_group"]

_ROLES = ("viewer", "operator")


@click.group("users", cls=Group)
def users_group() -> None:
    """People who may sign in to the pages and the API.

    As soon as there is somebody, every server of this home folder asks for a login.

    Examples:
      reid-tune users add ada --role operator
      reid-tune users token ada
      reid-tune users ls
    """


@users_group.command("add")
@click.argument("name")
@click.option("--role", type=click.Choice(_ROLES), default="viewer", show_default=True, help="A viewer reads only.")
def users_add(name: str, role: str) -> None:
    """Add a person. The password is asked for, or read from standard input: never an argument.

    Examples:
      reid-tune users add ada --role operator
      pass show reid-tune/bob | reid-tune users add bob
    """
    from orchestrator.service.people import Role

    people = _people()
    if people.find(name) is not None:
        from reid_core.errors import Conflict

        raise Conflict(f"there is already a person {name}", hint=f"see `reid-tune users passwd {name}`")
    person = people.add(name, Role(role), _password())
    _note("users add", name)
    click.echo(f"{person.name} may sign in as {person.role.value}")


@users_group.command("passwd")
@click.argument("name")
def users_passwd(name: str) -> None:
    """Change a password. Sessions and the token of this person end.

    Examples:
      reid-tune users passwd ada
    """
    people = _people()
    _known(people, name)
    people.set_password(name, _password())
    _note("users passwd", name)
    click.echo(f"{name} has a new password; sessions and token made with the old one have ended")


@users_group.command("remove")
@click.argument("name")
def users_remove(name: str) -> None:
    """Take a person out. Their sessions and token end at once.

    Examples:
      reid-tune users remove bob
    """
    if _people().remove(name):
        _note("users remove", name)
        click.echo(f"{name} cannot sign in any more")
    else:
        click.echo(f"there is no person {name}")


@users_group.command("token")
@click.argument("name")
def users_token(name: str) -> None:
    """Make an API token for a person, in place of the one before. It is shown once.

    Programs send it as `Authorization: Bearer TOKEN`; it may do what the person may do.

    Examples:
      reid-tune users token ada
    """
    token = _people().new_token(name)
    _note("users token", name)
    click.echo(token)
    click.echo("kept as a hash only: note it now", err=True)


@users_group.command("ls")
@json_option
def users_ls(*, as_json: bool) -> None:
    """List the people.

    Examples:
      reid-tune users ls
      reid-tune users ls --json
    """
    people = _people().all()
    if as_json:
        print_json({"people": [{"name": person.name, "role": person.role.value} for person in people]})
    elif people:
        console().print(table(["name", "role"], [[person.name, person.role.value] for person in people]))
    else:
        click.echo("nobody: servers on this machine ask for no login. Add somebody with `reid-tune users add NAME`")


@click.command("audit", cls=Command)
@click.option("--last", type=click.IntRange(min=1), default=None, help="Only the newest entries.")
@json_option
def audit_command(last: int | None, *, as_json: bool) -> None:
    """Who did what over the network: sign-ins, refusals, and requests that changed something.

    Examples:
      reid-tune audit --last 20
      reid-tune audit --json
    """
    from datetime import UTC, datetime

    from orchestrator.service.audit import read_audit
    from orchestrator.service.home import Home

    entries = read_audit(Home.default().audit, last)
    if as_json:
        print_json(entries)
        return
    rows = [
        [
            datetime.fromtimestamp(one.at, UTC).strftime("%Y-%m-%d %H:%M:%S"),
            one.who or "-",
            one.role or "-",
            one.address or "-",
            one.what,
            "/".join(filter(None, (one.study, one.trial))) or one.path,
            str(one.status or "-"),
        ]
        for one in entries
    ]
    columns = ["at (UTC)", "who", "role", "from", "what", "study/trial", "status"]
    folded = ["at (UTC)", "what", "study/trial"]
    console(pipe=80).print(table(columns, rows, right=["status"], fold=folded) if rows else "nothing yet")


def _people() -> People:
    from orchestrator.service.home import Home
    from orchestrator.service.people import People

    home = Home.default()
    home.ensure()
    return People(home.people)


def _known(people: People, name: str) -> None:
    """Raise NotFound before anybody types a password in vain."""
    from reid_core.errors import NotFound

    if people.find(name) is None:
        raise NotFound(f"there is no person {name}", hint="list them with `reid-tune users ls`")


def _password() -> str:
    """From the terminal, typed twice and not shown; else the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\n")


def _note(what: str, name: str) -> None:
    """Who may sign in is worth a line in the audit log too."""
    import getpass
    import time

    from orchestrator.service.audit import Audit, AuditEntry
    from orchestrator.service.home import Home

    try:
        who = getpass.getuser()
    except (KeyError, OSError):
        who = ""
    Audit(Home.default().audit).write(AuditEntry(at=time.time(), what=what, who=who, address="shell", path=name))
