"""`python -m orchestrator.cli`: reid-tune where its script is not on the path, as in a copy of the tree."""

from __future__ import annotations

from orchestrator.cli.main import main

if __name__ == "__main__":
    main()
