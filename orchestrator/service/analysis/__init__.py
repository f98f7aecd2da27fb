"""What a study's results say: importance, dependence, belief, expected gain.

What may come in: pure functions of a study's state and its models. No store, no clock, nothing that decides.
"""
