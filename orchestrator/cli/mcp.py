"""`reid-tune mcp`: coding assistants ask the service, over the Model Context Protocol."""

from __future__ import annotations

import click

from orchestrator.cli.command import Command

__all__ = ["mcp_command"]


@click.command("mcp", cls=Command)
@click.option(
    "--role",
    type=click.Choice(["viewer", "operator"]),
    default="viewer",
    show_default=True,
    help="viewer: tools that read. operator: launch, pause, resume and stop too.",
)
@click.option(
    "--data-root",
    "data_roots",
    multiple=True,
    metavar="DIR",
    help="A folder (or s3:// address) whose files requests may name; without one any. Repeatable.",
)
@click.option("--http", is_flag=True, help="Streamable HTTP on this machine's loopback instead of standard input.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8500, show_default=True, help="Port of --http; 0: a free one."
)
@click.option(
    "--token",
    envvar="REID_TUNE_TOKEN",
    default="",
    help="What every request to --http must carry. Also REID_TUNE_TOKEN.",
)
def mcp_command(role: str, data_roots: tuple[str, ...], port: int, token: str, *, http: bool) -> None:
    """Serve plan, launch, watch, explain, compare and best as tools for coding assistants.

    An assistant starts it and talks over standard input and output. What it changes stands in `reid-tune audit`.

    Examples:
      reid-tune mcp
      reid-tune mcp --role operator --data-root /data/reid
      reid-tune mcp --http --port 8500
    """
    from orchestrator.service import logs
    from orchestrator.service.confined import Roots
    from orchestrator.service.errors import UsageError
    from orchestrator.service.people import Role
    from orchestrator.service.service import Service

    try:
        from orchestrator.integrations.mcp_server import mcp_server
    except ModuleNotFoundError as error:
        raise UsageError(
            "the Model Context Protocol's package is not installed", hint="pip install 'reid-tune[mcp]'"
        ) from error
    service = Service()
    if data_roots:
        service.roots = Roots.of(data_roots, service.home.root / "studies")
    server = mcp_server(service, Role(role))
    with logs.told_to_the_terminal():
        if http:
            from dashboards.mcp_app import serve_mcp

            serve_mcp(server.streamable_http_app(), service.home, port, token)
        else:
            server.run("stdio")
