"""The service over the Model Context Protocol, through its official SDK: standard input and output, or HTTP here."""

from __future__ import annotations

from importlib.metadata import version

from mcp.server.mcpserver import MCPServer
from mcp_types import ToolAnnotations

from orchestrator.integrations.mcp_tools import ACTS, Tools
from orchestrator.service.people import Role
from orchestrator.service.service import Service

__all__ = ["mcp_server"]

_INSTRUCTIONS = """\
reid-tune searches for the best re-identification model for somebody's images. A study is one search, a trial one
configuration. STUDY is a name, an id or `latest`. Metrics are fractions in [0, 1]; times are Unix seconds.
Ask `plan` before `launch`, and a person before what costs GPU-hours."""


def mcp_server(service: Service, role: Role = Role.VIEWER) -> MCPServer[None]:
    """A server with the tools that `role` allows: a viewer's only read."""
    server: MCPServer[None] = MCPServer(
        "reid-tune", instructions=_INSTRUCTIONS, version=version("reid-tune"), log_level="WARNING"
    )
    for name, function in Tools(service, role).functions().items():
        acts = name in ACTS
        server.add_tool(
            function,
            name=name,
            annotations=ToolAnnotations(
                read_only_hint=not acts,
                destructive_hint=name == "stop",
                idempotent_hint=not acts,
                open_world_hint=False,
            ),
        )
    return server
