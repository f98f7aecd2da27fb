"""A trained model as a file for other programs, and the card that it carries.

`card` and `licences` load no torch; `model`, `onnx_file`, `torch_file` and `quantise` write files, `agreement` checks
them, `session` runs them.
"""
