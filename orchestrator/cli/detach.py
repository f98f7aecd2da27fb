"""`reid-tune run --detach`: the study runs on without this terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli.acting import whoever

if TYPE_CHECKING:
    from orchestrator.service.service import Service

__all__ = ["launched"]


def launched(service: Service, study: str, *, resumed: bool = False) -> int:
    """Hand the study to the service, or start it in the background without one, and say which; the exit code."""
    summary = service.launch(study, whoever(), resumed=resumed)
    if summary.ended_at is not None:
        click.echo(f"{summary.name} has ended already: {summary.status}")
        return 0
    view = service.daemon()
    place = next((one for one in view.queue if one.id == summary.id), None)
    if not view.up:
        click.echo(f"{summary.name} runs in the background; no service is up (`reid-tune up` starts one)")
    elif place is not None:
        click.echo(f"{summary.name} is number {place.position} in the queue, waiting for {place.waits_for}")
    else:
        click.echo(f"{summary.name} runs in the service")
    click.echo(f"  follow it with: reid-tune status {summary.name} --watch", err=True)
    return 0
