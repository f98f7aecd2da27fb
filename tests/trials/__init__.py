"""Trials for tests of everything above the engine: real files, instant epochs. Named by import path."""
