"""Warm-up with the requests that a version brings along, as TensorFlow Serving has it (saved_model_warmup_util.cc).

`assets.extra/tf_serving_warmup_requests` is a TFRecord file of PredictionLog. Its requests take the way of real ones, in the order
of the file, before the version is available; one that fails, fails the load.
"""

import logging
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
from google.protobuf.message import DecodeError

from tfmodel.wire import messages
from tfmodel_runtime.engine.saved_model import SavedModel
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Signature
from tfmodel_runtime.errors import InvalidInputError, LoadError, RuntimeFault, UnimplementedError
from tfmodel_runtime.methods import classification, examples, multi_inference, prediction, regression
from tfmodel_runtime.statuses import Code, code_of

_log = logging.getLogger(__name__)
FILE = Path("assets.extra") / "tf_serving_warmup_requests"
MOST_RECORDS = 1000
_MOST_RECORD_BYTES = 2**30
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8


def warm_up(model: SavedModel, path: Path, *, iterations: int = 0) -> bool:
    """Sends each request of the version's file `iterations` times (0: once). False if there is no such file.

    Raises:
        LoadError: the file is damaged or too long, or a request fails.
    """
    file = path / FILE
    if not file.is_file():
        return False
    count = 0
    try:
        with file.open("rb") as stream:
            for count, record in enumerate(_records(stream), start=1):
                if count > MOST_RECORDS:
                    raise InvalidInputError(f"Number of warmup records exceeds the maximum ({MOST_RECORDS}) at {file}")
                log = _log_of(record)
                for _ in range(max(1, iterations)):
                    send(model, log)
    except RuntimeFault as error:
        raise LoadError(str(path), f"warm-up record {count}: {error}", code_of(error)) from error
    except OSError as error:
        raise LoadError(str(path), f"the warm-up requests cannot be read: {error}", Code.DATA_LOSS) from error
    _log.info("%d warm-up requests of %s were answered", count, path)
    return True


def _log_of(record: bytes) -> Any:
    try:
        return messages.PredictionLog.FromString(record)
    except DecodeError as error:
        raise InvalidInputError("Failed to parse warmup record") from error


def _records(stream: BinaryIO) -> Iterator[bytes]:
    """The records of a TFRecord file (tensorflow/core/lib/io/record_writer.h: length, CRC, data, CRC; CRC-32C, masked)."""
    while header := stream.read(_HEADER.size):
        if len(header) < _HEADER.size:
            raise _damaged()
        length, crc = _HEADER.unpack(header)
        if _masked(header[:8]) != crc or length > _MOST_RECORD_BYTES:
            raise _damaged()
        data, footer = stream.read(length), stream.read(_FOOTER.size)
        if len(data) < length or len(footer) < _FOOTER.size or _FOOTER.unpack(footer)[0] != _masked(data):
            raise _damaged()
        yield data


def _damaged() -> LoadError:
    return LoadError("", "the record is damaged. Please verify your warmup data is in TFRecord format.", Code.DATA_LOSS)


def _masked(data: bytes) -> int:
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def send(model: SavedModel, log: Any) -> None:
    """Runs the request of a PredictionLog; its answer is checked and thrown away.

    Raises:
        RuntimeFault: it fails, or is of a kind that cannot be replayed.
    """
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        request = log.predict_log.request
        signature = _signature(model, request)
        ask = prediction.ask(request, signature)
        model.run(signature, ask.feeds, ask.fetches)
    elif kind == "classify_log":
        request = log.classify_log.request
        signature, array = _signature(model, request), examples.serialized(request.input)
        ask = classification.ask(signature, array)
        classification.classified(model.run(signature, ask.feeds, ask.fetches), len(array))
    elif kind == "regress_log":
        request = log.regress_log.request
        signature, array = _signature(model, request), examples.serialized(request.input)
        ask = regression.ask(signature, array)
        regression.values(model.run(signature, ask.feeds, ask.fetches), len(array))
    elif kind == "multi_inference_log":
        _send_multi_inference(model, log.multi_inference_log.request)
    else:
        raise UnimplementedError(f"Unsupported log_type for warmup: {kind}")


def _send_multi_inference(model: SavedModel, request: Any) -> None:
    tasks = multi_inference.tasks(request, model.signatures)
    array, merged = examples.serialized(request.input), multi_inference.merged(tasks)
    ask = multi_inference.ask(tasks, array)
    multi_inference.answer(request, tasks, 0, model.run(merged, ask.feeds, ask.fetches), len(array))


def _signature(model: SavedModel, request: Any) -> Signature:
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    found = model.signatures.get(name)
    if found is None:
        raise InvalidInputError(f"No signature was found with the name: {name}")
    return found
