"""The narrow waist: `Trial.run(spec, context) -> Outcome`, and its ReID implementation.

What may come in: ways to run one segment of one trial. No torch type crosses this border.
"""
