"""TensorFlow.js itself, without a browser: its own scripts, with the kernels of its CPU backend, in V8, the engine of Chromium and Node.js."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tfmodel_trainer.tfjs.conversion import MODEL_FILE

Arrays = Mapping[str, npt.NDArray[Any]]
SCRIPTS = Path(sys.prefix) / "share" / "tfjs"
_FILES = ("tf-core.min.js", "tf-converter.min.js", "tf-backend-cpu.min.js")
_LIMIT_SECONDS = 300.0
_LONGEST_ERROR = 300


class TFJSError(Exception):
    """TensorFlow.js does not load the model, or does not answer."""


class Model:
    """A graph model, loaded. `inputs` are the names of those that it uses."""

    def __init__(self, folder: Path) -> None:
        """Loads model.json and its weights.

        Raises:
            ModuleNotFoundError: mini-racer is not there.
            FileNotFoundError: the scripts of TensorFlow.js, or files of the model, are not there.
            TFJSError: TensorFlow.js does not load it.
        """
        from py_mini_racer import MiniRacer  # noqa: PLC0415 - only the image tfmodel-tfjs has it

        self._engine = MiniRacer()
        self._engine.eval(Path(__file__).with_name("host.js").read_text())
        for name in _FILES:
            self._engine.eval((SCRIPTS / name).read_text())
        self._call("start")
        text = (folder / MODEL_FILE).read_text()
        shards = (path for group in json.loads(text)["weightsManifest"] for path in group["paths"])
        self._put("weights", b"".join((folder / path).read_bytes() for path in shards))
        self.inputs: tuple[str, ...] = tuple(json.loads(self._call("load", text)))

    def predict(self, inputs: Arrays) -> dict[str, npt.NDArray[Any]]:
        """The outputs by name. TensorFlow.js has float32, int32, bool and strings: numbers of other types are made one of these.

        Raises:
            TFJSError: it does not answer.
        """
        described = {name: self._input(name, array) for name, array in inputs.items()}
        answered = json.loads(self._call("predict", json.dumps(described)))
        return {name: self._output(name, one) for name, one in answered.items()}

    def _input(self, name: str, given: npt.NDArray[Any]) -> dict[str, Any]:
        if given.dtype.kind in "OSU":
            texts = [list(one if isinstance(one, bytes) else str(one).encode()) for one in given.ravel()]
            return {"shape": given.shape, "dtype": "string", "texts": texts}
        array = given if given.dtype == np.bool_ else given.astype(np.int32 if given.dtype.kind in "iu" else np.float32)
        self._put(name, array.tobytes())
        return {"shape": array.shape, "dtype": array.dtype.name}

    def _output(self, name: str, told: Mapping[str, Any]) -> npt.NDArray[Any]:
        if told["texts"] is not None:
            return np.array([bytes(one) for one in told["texts"]], object).reshape(told["shape"])
        buffer = memoryview(self._engine.eval(f"host.buffers[{json.dumps(name)}]")) if np.prod(told["shape"]) else b""
        return np.frombuffer(bytes(buffer), told["dtype"]).reshape(told["shape"])

    def _put(self, name: str, data: bytes) -> None:
        buffer = self._engine.eval(f"host.buffer({json.dumps(name)}, {len(data)})")
        if data:
            memoryview(buffer).cast("B")[:] = data

    def _call(self, name: str, argument: str = "") -> Any:
        """Calls a function of host.js that answers with a promise."""
        from py_mini_racer import JSEvalException, JSPromise, JSPromiseError, JSTimeoutException  # noqa: PLC0415 - as above

        try:
            promise = self._engine.eval(f"(async () => host.{name}({json.dumps(argument)}))()")
            assert isinstance(promise, JSPromise)  # noqa: S101 - an async function answers nothing else
            return promise.get(timeout=_LIMIT_SECONDS)
        except (JSPromiseError, JSTimeoutException, JSEvalException, TimeoutError) as error:
            told = str(error).removeprefix("JavaScript rejected promise with reason: ").partition("\n")[0]
            raise TFJSError(told[:_LONGEST_ERROR] or f"no answer within {_LIMIT_SECONDS:g} s") from error
