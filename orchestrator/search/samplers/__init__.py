"""Which configuration a new trial gets: one module a sampler, each answers `propose(state)`.

What may come in: a way to choose configurations. How long they train is a schedule's matter.
"""
