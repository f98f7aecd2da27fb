"""`reid-tune db`: looking after the store of every study: upgrade, backup, restore, check."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.command import Command, Group
from orchestrator.cli.output import counted, json_option, print_json

if TYPE_CHECKING:
    from orchestrator.store.examine import Examined

__all__ = ["db_group"]


@click.group("db", cls=Group)
def db_group() -> None:
    """The store of every study: bring it forward, copy it, check it.

    It is the database whose URL is in REID_TUNE_STORE, else the file studies.db in REID_TUNE_HOME.

    Examples:
      reid-tune db check
      reid-tune db backup studies-monday.backup
      reid-tune db upgrade
    """


@db_group.command("upgrade", cls=Command)
@json_option
def upgrade_command(*, as_json: bool) -> None:
    """Bring the tables of an older release to this one's version; all or nothing.

    A SQLite file is copied beside itself first, and is brought forward without being asked too. A PostgreSQL
    database only here: let the controllers of the older release rest, and make a backup.

    Examples:
      reid-tune db upgrade
      REID_TUNE_STORE=postgresql://lab@db.example/reid reid-tune db upgrade
    """
    from orchestrator.service.home import Home
    from orchestrator.store.opening import upgrade_store

    done = upgrade_store(Home.default().store)
    if as_json:
        kept = None if done.backup is None else str(done.backup)
        print_json({"store": done.place, "before": done.before, "after": done.after, "backup": kept})
        return
    if done.before == done.after:
        click.echo(f"{done.place} has version {done.after} already")
        return
    what = f"from version {done.before} to {done.after}" if done.before else f"made, version {done.after}"
    click.echo(f"{done.place}: {what}" + (f"; the old file is kept as {done.backup}" if done.backup else ""))


@db_group.command("backup", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def backup_command(file: Path, *, as_json: bool) -> None:
    """Copy the store into FILE while studies run, as it is at one moment; the copy is checked before it is kept.

    FILE restores into SQLite and PostgreSQL alike. Checkpoints, logs and MLflow are not in it.

    Examples:
      reid-tune db backup studies-monday.backup
    """
    from orchestrator.service.home import Home
    from orchestrator.store.maintenance import backup_store

    done = backup_store(Home.default().store, file)
    if as_json:
        print_json({"source": done.source, "target": done.target, "copied": asdict(done.examined)})
    else:
        click.echo(f"{done.source} is copied to {done.target}: {_counts(done.examined)}")


@db_group.command("restore", cls=Command)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
def restore_command(file: Path, *, as_json: bool) -> None:
    """Fill an empty store from the backup FILE of this release or an older one.

    Whoever ran a study before can write no more; `reid-tune run --resume` goes on from the restored log.

    Examples:
      reid-tune db restore studies-monday.backup
      REID_TUNE_STORE=postgresql://lab@db.example/reid reid-tune db restore studies.backup   # from a file to a server
    """
    from orchestrator.service.home import Home
    from orchestrator.store.maintenance import restore_store

    done = restore_store(file, Home.default().store)
    if as_json:
        print_json({"source": done.source, "target": done.target, "copied": asdict(done.examined)})
    else:
        click.echo(f"{done.target} is filled from {done.source}: {_counts(done.examined)}")


@db_group.command("check", cls=Command)
@json_option
def check_command(*, as_json: bool) -> int:
    """Read the whole store and say what is wrong with it; exit code 1 when anything is.

    Every event is read and folded, sequence numbers are counted, reports, leases and commands held against the log.

    Examples:
      reid-tune db check
      reid-tune db check --json
    """
    from orchestrator.service.home import Home
    from orchestrator.store.examine import examine_store

    found = examine_store(Home.default().store)
    if as_json:
        print_json(asdict(found))
    else:
        click.echo(f"{found.place}, version {found.version}: {_counts(found)}")
        for fault in found.findings:
            click.echo(f"  {fault.study + ': ' if fault.study else ''}{fault.message}")
        click.echo(
            f"{counted(len(found.findings), 'fault')}; restore a backup into an empty store with `reid-tune db restore`"
            if found.findings
            else "nothing is wrong"
        )
    return 1 if found.findings else 0


def _counts(found: Examined) -> str:
    studies = "1 study" if found.studies == 1 else f"{found.studies} studies"
    told = f"{studies}, {counted(found.events + found.reports, 'event')} ({counted(found.reports, 'epoch')})"
    return f"{told}, {counted(found.leases, 'lease')}, {counted(found.commands, 'waiting command')}"
