"""TFModels for tests, whose training writes tiny SavedModels, or fails as it is told to."""

from typing import Any

Json = dict[str, Any]

TINY = """
import json, os, time
import tensorflow as tf

class Tiny(tf.Module):
    def __init__(self, factor, mebibytes):
        self.factor = tf.Variable(factor, dtype=tf.float32)
        self.weights = tf.Variable(tf.ones([1 + mebibytes * 2**18]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="x")])
    def __call__(self, x):
        return {"y": x * self.factor * self.weights[0]}

model = Tiny(float(os.environ["TFMODEL_PARAM_FACTOR"]), int(os.environ.get("TFMODEL_PARAM_WEIGHTS", "0")))
signature = os.environ.get("TFMODEL_PARAM_SIGNATURE", "serving_default")
target = os.environ["TFMODEL_EXPORT_DIR"]
tf.saved_model.save(model, target, signatures={signature: model.__call__})
with open(os.environ["TFMODEL_METRICS_FILE"], "w") as metrics:
    json.dump({"accuracy": float(os.environ.get("TFMODEL_PARAM_ACCURACY", "0.99"))}, metrics)
if os.environ.get("TFMODEL_PARAM_TRUNCATE"):
    with open(os.path.join(target, "variables", "variables.data-00000-of-00001"), "r+b") as data:
        data.truncate(1)
padding = int(os.environ.get("TFMODEL_PARAM_PADDING", "0"))
if padding:
    os.makedirs(os.path.join(target, "assets.extra"), exist_ok=True)
    with open(os.path.join(target, "assets.extra", "padding"), "wb") as file:
        file.truncate(padding * 1024 * 1024)
time.sleep(float(os.environ.get("TFMODEL_PARAM_SLEEP", "0")))
"""
RAISES = "print('reading data'); raise ValueError('the labels are missing')"
EATS_MEMORY = "import time; held = bytearray(256 * 1024 * 1024); time.sleep(60)"
FAILS_ONCE = f"""
import os, time
tried = os.path.join(os.environ["TFMODEL_CHECKPOINT_DIR"], "tried")
if not os.path.exists(tried):
    os.makedirs(tried)
    raise ValueError("the first time")
while not os.path.exists("/tmp/go"):
    time.sleep(0.2)
{TINY}"""
"""Fails at the first attempt; at the second it waits for /tmp/go, and trains."""
SCRIPTS: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "scripts"},
    "data": {"tiny.py": TINY, "raises.py": RAISES, "eats-memory.py": EATS_MEMORY, "fails-once.py": FAILS_ONCE},
}
QUICK = {"requests": {"cpu": "50m", "memory": "64Mi"}}


def training(key: str = "tiny.py", *, run_id: str = "1", factor: int = 2, **fields: Any) -> Json:
    """spec.training of a script of SCRIPTS; fields that are written in camelCase are taken as they are."""
    params = {"factor": str(factor), **fields.pop("params", {})}
    return {
        "script": {"configMapRef": {"name": "scripts", "key": key}},
        "params": params,
        "runId": run_id,
        "backoffLimit": 0,
        "resources": QUICK,
        **fields,
    }


def tfmodel(name: str = "tiny", **spec: Any) -> Json:
    """A TFModel, which trains tiny.py unless `spec` says otherwise."""
    wanted = spec if "source" in spec or "training" in spec else {"training": training(), **spec}
    return {
        "apiVersion": "tfmodel.dev/v1alpha1",
        "kind": "TFModel",
        "metadata": {"name": name},
        "spec": {"serving": {"resources": QUICK}, **wanted},
    }
