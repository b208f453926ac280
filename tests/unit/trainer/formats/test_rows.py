"""Rows that formats are checked with and quantized by."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.signature import Signature, TensorSpec
from tfmodel_trainer.formats import rows
from tfmodel_trainer.formats.model import FormatError


def a_signature(**inputs: tuple[int, ...]) -> Signature:
    specs = {alias: TensorSpec(alias, f"{alias}:0", DataType.FLOAT, shape) for alias, shape in sorted(inputs.items())}
    return Signature("serving_default", specs, {}, "tensorflow/serving/predict")


ROW = a_signature(x=(-1, 2))
NAMED = a_signature(width=(-1,), height=(-1,))


def listed(found: list[Any]) -> list[dict[str, Any]]:
    return [{alias: value.tolist() for alias, value in row.items()} for row in found]


def test_an_npy_file_holds_the_rows_of_the_only_input(tmp_path: Path) -> None:
    np.save(tmp_path / "rows.npy", np.array([[1, 2], [3, 4]], np.float64))
    found = rows.of_files(tmp_path, ROW)
    assert listed(found) == [{"x": [[1.0, 2.0]]}, {"x": [[3.0, 4.0]]}]
    assert found[0]["x"].dtype == np.float32


def test_an_npz_file_holds_an_array_for_each_input(tmp_path: Path) -> None:
    np.savez(tmp_path / "rows.npz", width=np.ones(3, np.float32), height=np.zeros(3, np.float32), label=np.ones(3))
    assert listed(rows.of_files(tmp_path / "rows.npz", NAMED)) == [{"height": [0.0], "width": [1.0]}] * 3


def test_a_table_has_a_column_for_each_input(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("height,label, width\n1,a,2\n3,b,4\n")
    assert listed(rows.of_files(tmp_path, NAMED)) == [
        {"height": [1.0], "width": [2.0]},
        {"height": [3.0], "width": [4.0]},
    ]


def test_a_table_s_columns_make_up_a_row_in_the_order_of_the_feature_names(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("height,label,width\n1,a,2\n")
    assert listed(rows.of_files(tmp_path, ROW, ("width", "height"))) == [{"x": [[2.0, 1.0]]}]


def test_a_record_has_a_feature_for_each_input(tmp_path: Path) -> None:
    import tensorflow as tf

    feature = {"x": tf.train.Feature(float_list=tf.train.FloatList(value=[1, 2]))}
    with tf.io.TFRecordWriter(str(tmp_path / "rows.tfrecord")) as file:
        file.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    assert listed(rows.of_files(tmp_path, ROW)) == [{"x": [[1.0, 2.0]]}]


def test_no_more_rows_are_read_than_are_needed(tmp_path: Path) -> None:
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, np.zeros((200, 2), np.float32))
    assert len(rows.of_files(tmp_path, ROW)) == rows.MOST_REPRESENTATIVE == 256


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("rows.npy", np.zeros((3, 2), np.uint8), "rows.npy has uint8, expected float32: rows as clients send them"),
        ("rows.npy", np.zeros((3, 5), np.float32), "has rows of shape [5], expected [2]"),
        ("rows.csv", "a,b\n1,two\n", "x: expected numbers, got ['1', 'two']"),
        ("rows.csv", "a,b,c\n1,2,3\n", "has rows of shape [3], expected [2]"),
        ("images.gz", "", "it holds images.gz, but no .npy, .npz, .csv, .tfrecord file"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path: Path, name: str, content: Any, told: str) -> None:
    if isinstance(content, str):
        (tmp_path / name).write_text(content)
    else:
        np.save(tmp_path / name, content)
    with pytest.raises(FormatError) as caught:
        rows.of_files(tmp_path, ROW)
    assert "export.tflite.representativeInput: " in caught.value.message
    assert told in caught.value.message


def test_a_missing_column_or_array_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("height,label\n1,a\n")
    with pytest.raises(FormatError, match="no column width; its first line names height, label"):
        rows.of_files(tmp_path, NAMED)
    (tmp_path / "rows.csv").unlink()
    np.savez(tmp_path / "rows.npz", height=np.zeros(1, np.float32))
    with pytest.raises(FormatError, match="no array width, but height"):
        rows.of_files(tmp_path, NAMED)


def test_a_smoke_request_gives_its_rows_one_by_one() -> None:
    body = {"instances": [[1.0, 2.0], [3.0, 4.0]]}
    assert listed(rows.of_request(body, ROW)) == [{"x": [[1.0, 2.0]]}, {"x": [[3.0, 4.0]]}]
    assert rows.of_request({**body, "signature_name": "other"}, ROW) == []
    assert rows.of_request(None, ROW) == []


def test_a_smoke_request_by_name_is_put_in_the_order_of_the_training() -> None:
    body = {"instances": [{"height": 1.0, "width": 2.0}]}
    assert listed(rows.of_request(body, ROW, ("width", "height"))) == [{"x": [[2.0, 1.0]]}]


def test_made_up_rows_are_the_same_each_time_and_differ_from_each_other() -> None:
    first, second = listed(rows.generated(ROW)), listed(rows.generated(ROW))
    assert first == second
    assert len({str(row) for row in first}) == len(first) > 1
