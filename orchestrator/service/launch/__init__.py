"""What the launch form needs before a study is there: a request read back, samples of the data, a timed plan.

What may come in: nothing that starts a study; that is service.create.
"""
