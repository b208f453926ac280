"""Which changes of a signature break the clients of the version before."""

from typing import Any

import pytest

from tfmodel_trainer.compatibility import breaks


def tensor(shape: list[int] | None = None, dtype: str = "float", **more: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": [-1, 4] if shape is None else shape, **more}


def model(inputs: dict[str, Any], outputs: dict[str, Any], name: str = "serving_default") -> dict[str, Any]:
    return {name: {"inputs": inputs, "outputs": outputs}}


BEFORE = model({"x": tensor()}, {"y": tensor([-1, 3])})


@pytest.mark.parametrize(
    "after",
    [
        BEFORE,
        {**BEFORE, **model({}, {}, "another")},
        model({"x": tensor([-1, -1])}, {"y": tensor([-1, 3])}),
        model({"x": tensor(), "z": tensor(hasDefault=True)}, {"y": tensor([-1, 3])}),
        model({"x": tensor()}, {"y": tensor([-1, 3]), "more": tensor()}),
        model({"x": tensor()}, {"y": tensor([1, 3])}),
    ],
)
def test_what_harms_nobody(after: dict[str, Any]) -> None:
    assert breaks(BEFORE, after) == []


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ({}, "signature serving_default is gone"),
        (model({"z": tensor()}, {"y": tensor([-1, 3])}), "signature serving_default: input x is gone"),
        (model({"x": tensor(), "z": tensor()}, {"y": tensor([-1, 3])}), "signature serving_default: input z is new"),
        (model({"x": tensor(dtype="double")}, {"y": tensor([-1, 3])}), "input x was float and is double"),
        (model({"x": tensor([-1, 5])}, {"y": tensor([-1, 3])}), "input x had shape [?, 4] and has [?, 5]"),
        (model({"x": tensor([1, 4])}, {"y": tensor([-1, 3])}), "input x had shape [?, 4] and has [1, 4]"),
        (model({"x": tensor()}, {}), "output y is gone"),
        (model({"x": tensor()}, {"y": tensor([-1, 3], "int64")}), "output y was float and is int64"),
        (model({"x": tensor()}, {"y": tensor([-1, 2])}), "output y had shape [?, 3] and has [?, 2]"),
        (model({"x": tensor()}, {"y": tensor([-1])}), "output y had shape [?, 3] and has [?]"),
    ],
)
def test_what_breaks_a_client(after: dict[str, Any], told: str) -> None:
    found = breaks(BEFORE, after)
    assert found
    assert told in found[0]


def test_any_shape_takes_every_tensor() -> None:
    wide = {"dtype": "float", "shape": None}
    assert breaks(BEFORE, model({"x": wide}, {"y": tensor([-1, 3])})) == []
    assert breaks(model({"x": wide}, {}), BEFORE) == ["signature serving_default: input x had shape any and has [?, 4]"]
