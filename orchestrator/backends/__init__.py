"""Where segments run: in this process, in worker processes, or on Ray workers. One protocol, one contract suite.

What may come in: ways to place a SegmentSpec somewhere and bring its messages back. No decisions.
"""
