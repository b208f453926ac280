"""SavedModels through TensorFlow's C API."""

import resource
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import ml_dtypes
import numpy as np
import pytest

from tfmodel.store.layout import MARK
from tfmodel.store.manifest import Manifest, records
from tfmodel.wire import messages
from tfmodel.wire.dtypes import DataType
from tfmodel_runtime.engine.loader import EngineLoader, Options
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.warmup import warm_up
from tfmodel_runtime.errors import ExecutionError, InvalidInputError, LoadError, TimedOutError


def texts(*values: bytes) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array


def test_a_model_answers_what_its_signature_says(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "half_plus_two" / "1")
    found = model.run(model.signatures["serving_default"], {"x": np.array([1, 2, 5], np.float32)})
    assert found["y"].tolist() == [2.5, 3.0, 4.5]
    assert found["y"].dtype == np.float32
    model.close()


def test_a_signature_tells_names_types_and_shapes(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "flowers" / "1")
    signature = model.signatures["serving_default"]
    assert list(signature.inputs) == ["PetalLength", "PetalWidth", "SepalLength", "SepalWidth"]
    assert signature.inputs["PetalWidth"].shape == (-1,)
    assert signature.outputs["class_ids"].data_type is DataType.INT64
    assert signature.method_name == "tensorflow/serving/predict"
    assert "__saved_model_init_op" not in model.signatures
    model.close()


def test_several_inputs_are_bound_by_name_not_by_order(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "flowers" / "1")
    values = {"PetalLength": 3.0, "PetalWidth": 4.0, "SepalLength": 1.0, "SepalWidth": 2.0}
    feeds = {name: np.array([value], np.float32) for name, value in values.items()}
    for order in (list(feeds), list(reversed(feeds))):
        found = model.run(model.signatures["serving_default"], {name: feeds[name] for name in order})
        assert found["logits"].tolist() == [[1.0, 2.0, 3.0]]
    model.close()


def test_only_the_outputs_that_are_wanted_come(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "flowers" / "1")
    feeds = {name: np.zeros(2, np.float32) for name in model.signatures["serving_default"].inputs}
    assert list(model.run(model.signatures["serving_default"], feeds, ["class_ids"])) == ["class_ids"]
    model.close()


def test_strings_long_and_short_and_tables(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "types" / "1")
    long = b"z\x00" * 100
    found = model.run(model.signatures["text"], {"text": texts(b"a", long, b"")})
    assert found["twice"].tolist() == [b"aa", long + long, b""]
    assert found["id"].tolist() == [1, -1, -1]
    model.close()


def test_every_type_comes_back_as_it_was_sent(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "types" / "1")
    feeds = {
        "i64": np.array([2**62, -1]),
        "i8": np.array([-128, 127], np.int8),
        "flag": np.array([True, False]),
        "f64": np.array([0.1, np.nan]),
    }
    found = model.run(model.signatures["echo"], feeds)
    for name, array in feeds.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    assert model.run(model.signatures["halves"], {"half": np.array([1.5], np.float16)})["out"].tolist() == [3.0]
    model.close()


def test_scalars_and_empty_batches(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "half_plus_two" / "1")
    assert model.run(model.signatures["scalar"], {"x": np.array(2, np.float32)})["y"].shape == ()
    assert model.run(model.signatures["serving_default"], {"x": np.zeros(0, np.float32)})["y"].shape == (0,)
    model.close()


def test_a_tensorflow_1_graph_with_an_asset_file(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "graph" / "1")
    found = model.run(model.signatures["serving_default"], {"words": texts(b"dog", b"cow", b"cat")})
    assert found["ids"].tolist() == [1, -1, 0]
    model.close()


def test_an_op_that_fails_tells_its_code_and_text(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "types" / "1")
    with pytest.raises(ExecutionError, match="x must be positive") as failed:
        model.run(model.signatures["checked"], {"x": np.array([-1], np.float32)})
    assert failed.value.code == 3
    assert model.run(model.signatures["checked"], {"x": np.array([1], np.float32)})["y"].tolist() == [1.0]
    model.close()


def test_many_threads_share_a_model(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "half_plus_two" / "1")

    def ask(number: int) -> list[float]:
        return model.run(model.signatures["serving_default"], {"x": np.full(3, number, np.float32)})["y"].tolist()

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(ask, range(200))) == [[number * 0.5 + 2] * 3 for number in range(200)]
    model.close()


def test_types_that_few_models_have_come_back_too(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "rare" / "1")
    feeds = {
        "b16": np.array([1.5, -2], ml_dtypes.bfloat16),
        "u16": np.array([65535], np.uint16),
        "c64": np.array([1 - 2j], np.complex64),
    }
    found = model.run(model.signatures["rare"], feeds)
    for name, array in feeds.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)
    model.close()


def test_what_keras_exports_answers(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "keras_export" / "1")
    signature = model.signatures["serving_default"]
    (alias,), (answer,) = signature.inputs, signature.outputs
    assert model.run(signature, {alias: np.array([[1, 2]], np.float32)})[answer].tolist() == [[3.0]]
    model.close()


def test_a_run_ends_at_its_deadline_and_the_model_still_answers(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "rare" / "1")
    loop = model.signatures["loop"]
    with pytest.raises(TimedOutError):
        model.run(loop, {"steps": np.array(2**62)}, timeout_seconds=0.05)
    assert model.run(loop, {"steps": np.array(3)}, timeout_seconds=60)["done"] == 3
    model.close()


def test_a_signature_whose_last_run_was_slow_is_ended_at_its_deadline(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "heavy" / "1", intra_op_threads=1, inter_op_threads=1)
    powers = model.signatures["powers"]
    feeds = {"matrix": np.eye(400, dtype=np.float32)}
    assert model.run(powers, feeds, timeout_seconds=0.001)["power"].shape == (400, 400)
    for _ in range(2):
        with pytest.raises(TimedOutError):
            model.run(powers, feeds, timeout_seconds=0.001)
    model._note_time("powers", 0.001)
    assert model.run(powers, feeds, timeout_seconds=0.001)["power"].shape == (400, 400)
    model.close()


def test_metadata_outlive_the_graph_that_they_were_read_from(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "half_plus_two" / "1")
    assert set(model.signature_defs) == {"serving_default", "scalar", "__saved_model_init_op"}
    assert model.signature_defs["scalar"].outputs["y"].name
    model.close()


def test_numbers_are_never_cast(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "half_plus_two" / "1")
    signature = model.signatures["serving_default"]
    with pytest.raises(ExecutionError, match="to be float but int64 is provided") as failed:
        model.run(signature, {"x": np.array([1])})
    assert failed.value.code == 3
    with pytest.raises(InvalidInputError, match="input x"):
        model.run(signature, {"x": np.array([1], ">f4")})
    model.close()


def test_half_a_surrogate_pair_is_the_senders_fault(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "types" / "1")
    array = np.empty(1, object)
    array[0] = "\ud800"
    with pytest.raises(InvalidInputError, match="input text"):
        model.run(model.signatures["text"], {"text": array})
    model.close()


def test_closing_twice_is_closing_once_and_a_closed_model_does_not_run(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "half_plus_two" / "1")
    model.close()
    model.close()
    with pytest.raises(RuntimeError, match="closed"):
        model.run(model.signatures["serving_default"], {"x": np.zeros(1, np.float32)})


@pytest.mark.parametrize("tensor", ["nowhere:0", "StatefulPartitionedCall:7", "StatefulPartitionedCall:x", ""])
def test_a_signature_that_names_no_tensor_of_the_graph_is_left_out(
    saved_models: Path, tmp_path: Path, tensor: str
) -> None:
    folder = damaged(saved_models, tmp_path)
    saved = messages.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    saved.meta_graphs[0].signature_def["serving_default"].outputs["y"].name = tensor
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    model = SavedModel.load(folder)
    assert list(model.signatures) == ["scalar"]
    model.close()


def damaged(saved_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved_models / "half_plus_two" / "1", tmp_path / "1"))


def test_a_truncated_variables_file_is_an_error_with_words(saved_models: Path, tmp_path: Path) -> None:
    folder = damaged(saved_models, tmp_path)
    data = folder / "variables" / "variables.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:3])
    with pytest.raises(LoadError):
        SavedModel.load(folder)


@pytest.mark.parametrize("content", [b"", b"no protobuf at all", b"\x0a\xff\xff\xff\xff\x0f"])
def test_a_garbled_graph_is_an_error_with_words(saved_models: Path, tmp_path: Path, content: bytes) -> None:
    folder = damaged(saved_models, tmp_path)
    (folder / "saved_model.pb").write_bytes(content)
    with pytest.raises(LoadError):
        SavedModel.load(folder)


def test_an_empty_folder_and_a_wrong_tag_are_errors(saved_models: Path, tmp_path: Path) -> None:
    with pytest.raises(LoadError, match=r"saved_model\.pb"):
        SavedModel.load(tmp_path)
    with pytest.raises(LoadError, match="tags"):
        SavedModel.load(saved_models / "half_plus_two" / "1", tags=("gpu",))


def test_calls_and_loads_leave_no_memory_behind(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "types" / "1")
    feeds = {"text": texts(*[b"x" * 1000] * 100)}

    def use() -> None:
        for _ in range(300):
            model.run(model.signatures["text"], feeds)
        for _ in range(3):
            SavedModel.load(saved_models / "half_plus_two" / "1").close()

    use()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(5):
        use()
    grown_kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kilobytes < 40_000, "1,500 calls that leaked their 200 kB would have grown by 300 MB"
    model.close()


def test_warming_up_tells_which_signatures_answer(saved_models: Path) -> None:
    model = SavedModel.load(saved_models / "types" / "1")
    warmed = warm_up(model)
    assert set(warmed.answered) == {"text", "echo", "halves", "count"}
    assert list(warmed.picky) == ["checked"]
    assert warmed.broken == {}
    model.close()


def test_a_version_of_a_managed_store_must_be_as_long_as_its_record_says(saved_models: Path, tmp_path: Path) -> None:
    folder = damaged(saved_models, tmp_path)
    with pytest.raises(LoadError, match="manifest"):
        EngineLoader(Options(is_managed=True)).load(folder)
    found = records(folder)
    manifest = Manifest(model="m", owner="", run_id="1", run_key="1", created_at="", tensorflow_version="", files=found)
    (folder / MARK).parent.mkdir()
    (folder / MARK).write_text(manifest.model_dump_json(by_alias=True))
    EngineLoader(Options(is_managed=True)).load(folder).close()
    with (folder / "variables" / "variables.data-00000-of-00001").open("r+b") as data:
        data.truncate(1)
    with pytest.raises(LoadError, match=r"missing or cut: variables/variables\.data") as failed:
        EngineLoader(Options(is_managed=True)).load(folder)
    assert failed.value.code == 15


def test_serving_does_not_import_tensorflow() -> None:
    program = "import sys, tfmodel_runtime.main; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
