"""How long trials train: who goes on to which rung, and when a new one begins.

What may come in: a rule over the values at rungs. Which configuration is tried is a sampler's matter.
"""
