"""Face verification: are two images of one person. What may come in: lists of pairs, and what is measured on them."""
