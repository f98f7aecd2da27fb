"""`reid-tune status --watch`: the whole service, redrawn every two seconds."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orchestrator.cli.output import console, counted, duration, print_json, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from orchestrator.service.daemon.view import DaemonView
    from orchestrator.service.overview import NodeView, Overview
    from orchestrator.service.service import Service

__all__ = ["drawn", "watch_service"]

SECONDS = 2.0


def watch_service(service: Service, *, as_json: bool) -> None:
    """Show the service until Ctrl-C; once where nobody watches (a pipe, or JSON)."""
    from rich.live import Live

    from orchestrator.service.overview import Nodes, overview, ray_address

    out = console()
    with Nodes(ray_address(service)) as nodes:
        if as_json or not out.is_terminal:
            nodes.wait(20)
            found = overview(service, nodes)
            print_json(found) if as_json else out.print(drawn(found))
            return
        try:
            with Live(drawn(overview(service, nodes)), console=out, auto_refresh=False, screen=True) as live:
                while True:
                    time.sleep(SECONDS)
                    live.update(drawn(overview(service, nodes)), refresh=True)
        except KeyboardInterrupt:
            out.print(drawn(overview(service, nodes)))


def drawn(found: Overview) -> RenderableType:
    """Nodes, running studies, the queue, failures."""
    from rich.console import Group

    return Group(*_pieces(found))


def _pieces(found: Overview) -> Iterator[RenderableType]:
    from rich.text import Text

    service = found.service
    state = f"process {service.pid} on {service.host}" if service.up else "no daemon (`reid-tune up` starts one)"
    slots = f", {service.slots_used} of {counted(service.slots, 'slot')} in use" if service.up else ""
    yield Text(f"{time.strftime('%H:%M:%S', time.localtime(found.at))}  {state}{slots}", style="bold")
    yield Text(f"nodes of {found.ray}" if found.ray else "this machine", style="dim")
    columns = ["node", "cores", "GPUs", "memory GiB", "GPU memory", "set aside"]
    rows = [_node(one) for one in found.nodes]
    yield table(columns, rows, right=columns[1:4], fold=columns[4:])
    yield _running(service)
    if service.queue:
        columns = ["queue", "study", "waits for", "since", "priority"]
        waiting = [
            [str(one.position), one.name, one.waits_for, duration(found.at - one.since), str(one.priority)]
            for one in service.queue
        ]
        yield table(columns, waiting, right=["queue", "priority"], fold=["waits for"])
    if found.failures:
        told = ", ".join(f"{kind.replace('_', ' ')} {count}" for kind, count in found.failures.items())
        yield Text(f"failed segments of running studies: {told}", style="red")
    for trouble in service.troubles:
        yield Text(f"{trouble.name} does not go on: {trouble.text}", style="red")


def _running(service: DaemonView) -> RenderableType:
    from rich.text import Text

    if not service.running:
        return Text("no study runs")
    columns = ["study", "slots", "trials", "epochs", "epochs/min", "left", "ends"]
    rows = [
        [
            one.name,
            f"{one.slots}/{one.workers if one.granted is None else one.granted}",
            f"{one.trials_started}/{one.trials_planned}",
            f"{one.epochs_spent}/{one.epochs_planned}",
            "-" if one.epochs_per_hour is None else f"{one.epochs_per_hour / 60:.1f}",
            duration(one.seconds_left),
            "-" if one.ends_at is None else time.strftime("%a %H:%M", time.localtime(one.ends_at)),
        ]
        for one in service.running
    ]
    return table(columns, rows, right=columns[1:])


def _node(one: NodeView) -> list[str]:
    return [
        one.name,
        _of(one.cores_used, one.cores),
        _of(one.gpus_used, one.gpus),
        _of(one.memory_used, one.memory),
        "; ".join(one.gpu_memory) or "-",
        one.set_aside or "-",
    ]


def _of(used: float | None, whole: float) -> str:
    return f"{whole:.3g}" if used is None else f"{used:.3g}/{whole:.3g}"
