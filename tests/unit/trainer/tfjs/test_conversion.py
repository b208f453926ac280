"""Names and order of a converted signature: TensorFlow.js hands outputs out in the order in which they stand."""

from typing import Any

from tfmodel_trainer.tfjs.conversion import named


def tensor(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "dtype": "DT_FLOAT", **more}


def test_tensors_of_one_type_and_shape_keep_their_names_in_the_signature() -> None:
    found = {"inputs": {"b:0": tensor("b:0"), "a:0": tensor("a:0")}, "outputs": {"scores": tensor("Identity:0")}}
    made = named(found, {"a": "a:0", "b": "b:0"}, {"scores": "Identity:0"})
    assert made == {"inputs": {"a": tensor("a:0"), "b": tensor("b:0")}, "outputs": {"scores": tensor("Identity:0")}}


def test_outputs_stand_in_the_order_of_their_names() -> None:
    outputs = {"Identity_1:0": tensor("Identity_1:0"), "Identity:0": tensor("Identity:0")}
    made = named({"inputs": {}, "outputs": outputs}, {}, {"first": "Identity:0", "second": "Identity_1:0"})
    assert list(made["outputs"].items()) == [("first", tensor("Identity:0")), ("second", tensor("Identity_1:0"))]


def test_tables_stay_and_an_input_that_was_frozen_away_is_left_out() -> None:
    table = tensor("unknown:0", resourceId=7)
    made = named(
        {"inputs": {"unknown:0": table, "word:0": tensor("word:0")}, "outputs": {}},
        {"word": "word:0", "gone": "gone:0"},
        {},
    )
    assert made["inputs"] == {"word": tensor("word:0"), "unknown:0": table}
