"""reid-tune: the commands. Each reads its options, calls the service or reid_core, and prints.

What may come in: commands and how they print. Heavy imports stay inside the functions: help answers in under 0.3 s.
"""
