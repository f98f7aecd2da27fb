"""Self-supervised pre-training of a backbone. What may come in: how images without labels are read and measured."""
