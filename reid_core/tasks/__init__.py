"""What a model is trained for. One package a task: what it reads, builds, and measures; its card is in `cards`.

What may come in: a task's own data layouts, heads, losses and metrics. What several tasks share lives in data,
modeling, losses, engine and evaluation. Importing this package and its cards loads no torch.
"""
