"""The search inside other people's tools: one module a tool, which it needs installed.

May import orchestrator.search, orchestrator.events and search_spaces; nothing here may import these modules.
"""
