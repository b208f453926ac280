"""A server whose model passes every type, and values of every type."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

from testkit.served import Served, serving

Arrays = dict[str, np.ndarray[Any, Any]]


@pytest.fixture(scope="session")
def every(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The model every_type, whose only version is 3, served."""
    log = tmp_path_factory.mktemp("every") / "log"
    with serving(saved_models / "every_type", log, name="every") as served:
        yield served


@pytest.fixture
def values() -> Arrays:
    """An array for each input of the signature `echo`."""
    found: Arrays = {"bool_in": np.array([[True, False]])}
    for name in ("uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"):
        limits = np.iinfo(name)
        found[f"{name}_in"] = np.array([limits.min, limits.max], name)
    found["float16_in"] = np.array([0.5, 65504, np.inf], np.float16)
    found["bfloat16_in"] = np.array([0.5, -3e38], np.float32).astype(ml_dtypes.bfloat16)
    found["float32_in"] = np.array([[0.1], [np.nan]], np.float32)
    found["float64_in"] = np.array(0.1)
    found["string_in"] = np.array([b"", b"\x00\xff", "é".encode()], object)
    return found
