"""`python -m orchestrator.cli`: the same as reid-tune, where its script is not on the path."""

from orchestrator.cli.main import main

if __name__ == "__main__":
    main()
