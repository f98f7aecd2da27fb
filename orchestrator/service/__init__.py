"""What a person or program can ask for: create, start, pause, stop and inspect studies and trials.

The same functions stand behind the command line, the HTTP API and the pages.
"""
