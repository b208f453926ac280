"""Document 001: a SavedModel comes back into a session, by the names of its signature and of its variables."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contract.documents.conftest import Trained, script

FORMS = {"my_savedmodel": ("MODEL_SERVING", "my_signature"), "my_simple_save": ("serve", "serving_default")}
LOAD = """
import json, sys, traceback
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()
flowers = [[1.7, 0.5, 5.1, 3.3], [4.2, 1.5, 5.9, 3.0], [5.4, 2.1, 6.9, 3.1]]
forms, wanted = sys.argv[1], json.loads(sys.argv[2])

def load(name, tag, key):
    (export_model_path,) = tf.io.gfile.glob(f"{forms}/{name}/*")
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        signature = tf.saved_model.loader.load(sess, [tag], export_model_path).signature_def[key]
        in_tensor = graph.get_tensor_by_name(signature.inputs["examples"].name)
        out = {output: graph.get_tensor_by_name(info.name) for output, info in signature.outputs.items()}
        found = {output: array.tolist() for output, array in sess.run(out, {in_tensor: flowers}).items()}
        found["biases"] = [sess.run(f"dense_{n}/bias:0").tolist() for n in (1, 2)]
    kept = tf.train.load_checkpoint(forms + "/ckpt/iris")
    found["trained"] = [kept.get_tensor(f"dense_{n}/bias").tolist() for n in (1, 2)]
    return found

told = {}
for name, (tag, key) in wanted.items():
    try:
        told[name] = load(name, tag, key)
    except Exception:
        told[name] = {"error": traceback.format_exc()}
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def loaded(trained: Callable[[str], Trained]) -> dict[str, Any]:
    """What each form answers, all by one process that imports TensorFlow; a form that fails has an error instead."""
    forms = trained("iris-estimator").run / "logs" / "forms"
    return dict(json.loads(script("-c", LOAD, forms, json.dumps(FORMS)).splitlines()[-1]))


@pytest.mark.parametrize("name", FORMS)
def test_a_session_predicts_from_what_was_saved_with_the_variables_that_were_trained(
    loaded: dict[str, Any], name: str
) -> None:
    found = loaded[name]
    assert "error" not in found, found["error"]
    assert found["class_ids"] == [[0], [1], [2]]
    assert [len(row) for row in found["logits"]] == [3, 3, 3]
    assert [sum(row) for row in found["probabilities"]] == pytest.approx([1.0] * 3, abs=1e-5)
    assert found["biases"] == found["trained"]
    assert any(found["biases"][0])
