"""Document 001: Iris, in every form that a model can be saved in, shown, run and served as the document does it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contract.documents.conftest import EXAMPLES, Trained, script
from testkit.served import serving

CLIENT = EXAMPLES / "iris-estimator" / "client"
RAW = "SepalLength=[5.1,5.9,6.9];SepalWidth=[3.3,3.0,3.1];PetalLength=[1.7,4.2,5.4];PetalWidth=[0.5,1.5,2.1]"
EXAMPLE = (
    "examples=[{'SepalLength':[5.1],'SepalWidth':[3.3],'PetalLength':[1.7],'PetalWidth':[0.5]},"
    "{'SepalLength':[5.9],'SepalWidth':[3.0],'PetalLength':[4.2],'PetalWidth':[1.5]},"
    "{'SepalLength':[6.9],'SepalWidth':[3.1],'PetalLength':[5.4],'PetalWidth':[2.1]}]"
)
VECTORS = "examples=[[1.7,0.5,5.1,3.3],[4.2,1.5,5.9,3.0],[5.4,2.1,6.9,3.1]]"
CLASSES = "Result for output key class_ids:\n[[0]\n [1]\n [2]]\n"


@pytest.fixture(scope="module")
def iris(trained: Callable[[str], Trained]) -> Trained:
    return trained("iris-estimator")


def form(iris: Trained, name: str) -> Path:
    """The one timestamped version of a form."""
    (found,) = (iris.run / "logs" / "forms" / name).iterdir()
    assert found.name.isdecimal()
    return found


def tfmodel(*arguments: str | Path) -> str:
    return script("-m", "tfmodel_cli.main", *arguments)


def test_the_training_logs_every_n_steps_and_evaluates(iris: Trained) -> None:
    assert "global_step = 100, acc = " in iris.printed
    assert "Test set accuracy: " in iris.printed
    assert "name = dense_1/bias:0, shape = (10,)" in iris.printed


SHOWN = {
    "raw_export_dir": ("serve", "serving_default", ["PetalLength", "PetalWidth", "SepalLength", "SepalWidth"], "[?]"),
    "parsing_export_dir": ("serve", "serving_default", ["examples"], "[?]"),
    "my_savedmodel": ("MODEL_SERVING", "my_signature", ["examples"], "[?, 4]"),
    "my_simple_save": ("serve", "serving_default", ["examples"], "[?, 4]"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_show_names_tags_signature_inputs_and_outputs(iris: Trained, name: str) -> None:
    tag, signature, inputs, shape = SHOWN[name]
    lines = tfmodel("inspect", form(iris, name)).splitlines()
    assert lines[0].startswith(f"tags: {tag} ")
    assert f"signature {signature}" in lines
    begin, end = lines.index("  inputs"), lines.index("  outputs")
    assert [line.split()[0] for line in lines[begin + 1 : end]] == inputs
    assert all(line.endswith(shape) for line in lines[begin + 1 : end])
    assert [line.split()[:2] for line in lines[end + 1 : end + 4]] == [
        ["class_ids", "int64"],
        ["logits", "float"],
        ["probabilities", "float"],
    ]


def test_all_saved_models_give_the_same_classes(iris: Trained) -> None:
    own = ("--tag_set", "MODEL_SERVING", "--signature_def", "my_signature")
    default = ("--tag_set", "serve", "--signature_def", "serving_default")
    told = [
        tfmodel("predict", form(iris, "raw_export_dir"), *default, "--input_expr", RAW),
        tfmodel("predict", form(iris, "parsing_export_dir"), *default, "--input_examples", EXAMPLE),
        tfmodel("predict", form(iris, "my_savedmodel"), *own, "--input_exprs", VECTORS),
        tfmodel("predict", form(iris, "my_simple_save"), *default, "--input_exprs", VECTORS),
    ]
    assert [one.startswith(CLASSES) for one in told] == [True] * 4, told
    assert len(set(told)) == 1


def test_the_order_of_unnamed_features_matters_and_inspect_says_so(iris: Trained) -> None:
    own = ("--tag_set", "MODEL_SERVING", "--signature_def", "my_signature", "--input_exprs")
    folder = form(iris, "my_savedmodel")
    assert "[[0]]" in tfmodel("predict", folder, *own, "examples=[[1.7,0.5,5.1,3.3]]")
    assert "[[0]]" not in tfmodel("predict", folder, *own, "examples=[[5.1,3.3,1.7,0.5]]")
    assert "told apart by their order alone" in tfmodel("inspect", folder)
    assert "told apart by their order alone" not in tfmodel("inspect", form(iris, "raw_export_dir"))


RESTORE = """
import json, sys
import tensorflow.compat.v1 as tf
tf.disable_eager_execution()
flowers = [[1.7, 0.5, 5.1, 3.3], [4.2, 1.5, 5.9, 3.0], [5.4, 2.1, 6.9, 3.1]]
forms = sys.argv[1]
found = {}
with tf.Graph().as_default() as graph, tf.Session() as sess:
    saver = tf.train.import_meta_graph(forms + "/ckpt/iris.meta")
    saver.restore(sess, forms + "/ckpt/iris")
    classes = graph.get_tensor_by_name("output/predict_result/predicted_classes:0")
    found["checkpoint"] = sess.run(classes, {"input_features:0": flowers}).tolist()
    found["nodes"] = len(graph.as_graph_def().node)
with tf.Graph().as_default() as graph, tf.Session() as sess:
    frozen = tf.GraphDef.FromString(open(forms + "/frozen/iris.pb", "rb").read())
    tf.import_graph_def(frozen, name="")
    classes = graph.get_tensor_by_name("output/predict_result/predicted_classes:0")
    found["frozen"] = sess.run(classes, {"input_features:0": flowers}).tolist()
    found["frozen_nodes"] = len(frozen.node)
print(json.dumps(found))
"""


def test_checkpoint_and_frozen_graph_give_the_same_classes_and_the_frozen_is_smaller(iris: Trained) -> None:
    found: dict[str, Any] = json.loads(script("-c", RESTORE, iris.run / "logs" / "forms").splitlines()[-1])
    assert (found["checkpoint"], found["frozen"]) == ([0, 1, 2], [0, 1, 2])
    assert found["frozen_nodes"] < found["nodes"]
    assert f"{found['nodes']} ops in the input_graph_def." in iris.printed
    assert f"{found['frozen_nodes']} ops in the output_graph_def." in iris.printed


@pytest.mark.parametrize(("name", "kind"), [("raw_export_dir", "raw"), ("parsing_export_dir", "parsing")])
def test_both_exports_are_served_and_asked_as_the_document_does(
    iris: Trained, tmp_path: Path, name: str, kind: str
) -> None:
    base = form(iris, name).parent
    with serving(base, tmp_path / "log", name=f"{kind}_export_model") as served:
        url = f"http://127.0.0.1:{served.rest_port}/v1/models/{kind}_export_model:predict"
        assert script(CLIENT / "rest.py", url, kind).splitlines()[-1] == "[0, 1, 2]"
        told = script(CLIENT / "grpc_client.py", f"127.0.0.1:{served.grpc_port}", f"{kind}_export_model", kind)
        assert told.splitlines()[-1] == "[0, 1, 2]"
        assert "logits:[[" in told


def test_what_the_product_published_is_the_raw_export(iris: Trained) -> None:
    told = tfmodel("predict", iris.version, "--input_exprs", RAW)
    assert told.startswith(CLASSES)
