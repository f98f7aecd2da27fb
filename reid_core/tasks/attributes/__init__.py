"""Attributes: say yes or no to several things an image. What may come in: how that is read and measured."""
