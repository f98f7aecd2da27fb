"""The built-in data set: procedurally drawn persons before several cameras, seeded, without a download.

What may come in: what decides how a person, a scene or a camera looks; numpy and Pillow only.
"""
