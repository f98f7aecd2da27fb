"""Images of identities seen by cameras: found, checked, split, cached, sampled, augmented, dealt in batches.

What may come in: numpy, Pillow, filelock; torch only in loader.py, scipy only in layouts/cuhk03.py, the configuration
only in pipeline.py, sampling.py and augmentation.py.
Modules are imported by name, so that describing a folder does not load torch.
"""
