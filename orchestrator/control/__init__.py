"""The loop: read the log, decide, start segments, append what they say.

What may come in: pure decisions (decide.py), the retry policy (retry.py), and the one loop that acts (controller.py).
"""
