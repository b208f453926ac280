"""How far a model is optimised: the values of --optimize."""

from enum import StrEnum

TENSORRT = "TensorRT"
"""The value that is known and refused."""


class Mode(StrEnum):
    """How far a model is optimised."""

    NONE = "None"
    """It runs as it was saved."""
    GRAPH = "Graph"
    """Its variables are constants."""
    XLA = "XLA"
    """And XLA compiles what it can."""
