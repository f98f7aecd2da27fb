"""What models believe about configurations: Gaussian process, kernel densities.

What may come in: a model of (point, epoch, value) rows. No sampler, no schedule: models do not decide.
"""
