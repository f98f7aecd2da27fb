"""All studies and machines at once: the list, the comparison, the cluster.

What may come in: what reads many studies without folding their logs for each request.
"""
