"""Exports for TensorFlow.js, asked by TensorFlow.js itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tfmodel.api.reasons import FailureReason
from tfmodel.store.manifest import Exported
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_trainer.errors import ExportError
from tfmodel_trainer.formats import stage, tfjs
from tfmodel_trainer.formats.model import FormatError, Model, Wanted
from tfmodel_trainer.tfjs import engine

pytestmark = pytest.mark.timeout(300)

FLOWERS = {
    name: np.array([value], np.float32) for value, name in enumerate(("SepalLength", "SepalWidth", "PetalLength"))
}
WORDS = {"instances": [{"count": count, "text": f"t\u00ebxt {count}", "unused": 1.0} for count in range(3)]}


def write(saved_model: Path, folder: Path, signature: str = "serving_default", **more: Any) -> Exported:
    """As the export step does it, but in this process: TensorFlow is imported once for all."""
    (made,) = stage.write_here(Wanted(saved_model, signature, ("TFJS",), **more), folder)
    return made


@pytest.fixture(scope="module")
def flowers(saved_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flowers")
    assert write(saved_models / "flowers" / "1", folder).max_difference <= 1e-5
    return folder / "tfjs" / "model.json"


def seen(saved_models: Path) -> Model:
    """The flowers as the module of the format sees them."""
    signature = SavedModel.load(saved_models / "flowers" / "1").signatures["serving_default"]
    return Model(saved_models / "flowers" / "1", signature, [{**FLOWERS, "PetalWidth": np.array([9.0], np.float32)}])


@pytest.mark.parametrize(
    ("model", "signature"),
    [
        ("mobile/1", "serving_default"),  # fused operations that TensorFlow itself does not have
        ("rare/1", "loop"),  # outputs without dimensions, in a loop
    ],
)
def test_what_tensorflow_js_answers_is_what_the_savedmodel_answers(
    saved_models: Path, tmp_path: Path, model: str, signature: str
) -> None:
    made = write(saved_models / model, tmp_path, signature)
    assert made.max_difference <= 1e-5
    assert made.file == "assets.extra/exports/tfjs/model.json"
    assert made.size_bytes == sum(path.stat().st_size for path in (tmp_path / "tfjs").iterdir())


def test_tables_and_texts_are_converted_too(saved_models: Path, tmp_path: Path) -> None:
    assert write(saved_models / "words" / "1", tmp_path, smoke_request=WORDS).max_difference == 0
    model = json.loads((tmp_path / "tfjs" / "model.json").read_bytes())
    assert {name for name, one in model["signature"]["inputs"].items() if "resourceId" not in one} == {
        "count",
        "text",
        "unused",
    }


def test_a_signature_takes_its_own_tables_along_and_no_others(saved_models: Path, tmp_path: Path) -> None:
    asked = {"instances": ["left", "right", "nowhere"]}
    assert write(saved_models / "words" / "1", tmp_path, "two_tables", smoke_request=asked).max_difference == 0
    answered = engine.Model(tmp_path / "tfjs").predict({"text": np.array([b"left", b"right", b"nowhere"], object)})
    assert answered["name"].tolist() == [b"some", b"many", b"none"]


def test_a_table_that_tensorflow_js_lacks_is_named_with_what_it_has(saved_models: Path, tmp_path: Path) -> None:
    with pytest.raises(FormatError) as caught:
        write(saved_models / "words" / "1", tmp_path, "learning", smoke_request={"instances": [1]})
    told = "signature learning uses MutableHashTableV2: of tables TensorFlow.js has tf.lookup.StaticHashTable alone"
    assert told in caught.value.message
    assert "leave TFJS out" in caught.value.hint


def test_inputs_and_outputs_go_by_their_names_in_the_signature(flowers: Path) -> None:
    loaded = engine.Model(flowers.parent)
    answered = loaded.predict({**FLOWERS, "PetalWidth": np.array([9.0], np.float32)})
    assert set(loaded.inputs) == {*FLOWERS, "PetalWidth"}
    assert answered["logits"].tolist() == [[0.0, 1.0, 2.0]]
    assert answered["class_ids"].tolist() == [2]


def test_what_tensorflow_js_lacks_is_named(saved_models: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportError) as caught:
        stage.write(Wanted(saved_models / "prints" / "1", "serving_default", ("TFJS",)), tmp_path)
    failure = caught.value.failure
    assert failure.reason == FailureReason.EXPORT_FORMAT_FAILED
    assert "Unsupported Ops" in failure.message
    assert "StringFormat" in failure.message
    assert "export.formats" in failure.hint


def test_outputs_that_were_mixed_up_are_a_difference(flowers: Path, saved_models: Path, tmp_path: Path) -> None:
    model = json.loads(flowers.read_bytes())
    outputs = model["signature"]["outputs"]
    outputs["logits"], outputs["probabilities"] = outputs["probabilities"], outputs["logits"]
    (tmp_path / "model.json").write_text(json.dumps(model))
    for shard in flowers.parent.glob("*.bin"):
        (tmp_path / shard.name).write_bytes(shard.read_bytes())
    (expected,), (found,) = (tfjs.answers(seen(saved_models), file) for file in (flowers, tmp_path / "model.json"))
    assert stage.difference([expected], [found]) > stage.TOLERANCE


def test_weights_that_were_cut_off_do_not_load(flowers: Path, saved_models: Path, tmp_path: Path) -> None:
    for file in flowers.parent.iterdir():
        data = file.read_bytes()
        (tmp_path / file.name).write_bytes(data if file.suffix == ".json" else data[:-3])
    with pytest.raises(FormatError, match=r"TensorFlow\.js does not run it"):
        tfjs.answers(seen(saved_models), tmp_path / "model.json")


def test_without_tensorflow_js_it_is_said_where_it_is(
    flowers: Path, saved_models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "SCRIPTS", tmp_path)
    with pytest.raises(FormatError, match=r"tf-core\.min\.js") as caught:
        tfjs.answers(seen(saved_models), flowers)
    assert "tfmodel-tfjs" in caught.value.hint
