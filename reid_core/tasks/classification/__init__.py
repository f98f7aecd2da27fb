"""Classification: name the class of an image. What may come in: how classes are read and measured, nothing shared."""
