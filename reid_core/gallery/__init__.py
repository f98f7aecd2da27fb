"""A searchable index of embeddings on faiss: built, added to and removed from while others read, whole after a kill.

What may come in: numpy, faiss, filelock, reid_core.errors, reid_core.engine.durable, reid_core.evaluation, and of
reid_core.data the words for images. Vectors come in, items and distances go out; no model is run in here.
"""
