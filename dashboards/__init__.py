"""The web front: FastAPI pages and the HTTP API. Sees only orchestrator.service and search_spaces."""
