"""Predict requests of TensorFlow Serving's REST API, answered on their connection: no ASGI scope, no task, one write.

Only what is plain takes this way: a POST of a path that ends in :predict, of a body that is not encoded, to a server that asks for no
token and does not drain, for a light call. Everything else, and everything that is wrong in any way, goes through the ASGI
applications, which answer the same with more ceremony: what this refuses was not counted and left no trace.
"""

from collections.abc import Callable

from tfmodel_runtime.codec import tfserving_json
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Ask
from tfmodel_runtime.errors import RuntimeFault
from tfmodel_runtime.lifecycle_state import Readiness
from tfmodel_runtime.predict import Call, Predictor
from tfmodel_runtime.rest.asgi import Answer, refusal
from tfmodel_runtime.rest.paths import parse
from tfmodel_runtime.statuses import http_status_of

MOST_BYTES = 2**18
"""Larger bodies are read in threads."""
_MOST_PATHS = 256
_PASSED_OVER = 32
_END = b":predict"
Done = Callable[[Answer], None]


class Express:
    """Takes the requests that it can answer at once."""

    def __init__(
        self, predictor: Predictor, readiness: Readiness, *, timeout_seconds: float, most_body_bytes: int
    ) -> None:
        self._predictor = predictor
        self._readiness = readiness
        self._timeout_seconds = timeout_seconds
        self.most_bytes = min(MOST_BYTES, most_body_bytes + 1)
        self._calls: dict[tuple[bytes, str], Call] = {}
        self._passed_over: dict[bytes, int] = {}

    @property
    def is_draining(self) -> bool:
        """Whether connections should end with their next answer."""
        return self._readiness.is_draining

    def may_take(self, method: bytes, url: bytes) -> bool:
        """Whether to ask for an answer once the body is there."""
        if method != b"POST" or not url.endswith(_END) or self._readiness.is_draining:
            return False
        left = self._passed_over.get(url)
        if left is None:
            return True
        if left:
            self._passed_over[url] = left - 1
            return False
        del self._passed_over[url]
        return True

    def answer(self, url: bytes, body: bytes, done: Done) -> bool:
        """Takes a request, whose answer comes to `done`, now or later; false if it goes the other way."""
        try:
            request = tfserving_json.read(body)
        except RuntimeFault:
            return False
        call = self._calls.get((url, request.signature_name)) or self._call(url, request.signature_name)
        if call is None:
            return False

        def told(found: bytes | RuntimeFault) -> None:
            done(Answer(200, found) if isinstance(found, bytes) else refusal(http_status_of(found), str(found)))

        is_taken = self._predictor.at_once(
            call,
            lambda signature: Ask(tfserving_json.feeds(request, signature)),
            lambda _handle, _signature, outputs: tfserving_json.answer(request, outputs),
            told,
        )
        if not is_taken and len(self._passed_over) < _MOST_PATHS:
            self._passed_over[url] = _PASSED_OVER
        return is_taken

    def _call(self, url: bytes, signature: str) -> Call | None:
        target = None if b"?" in url or b"#" in url else parse("POST", url.decode("latin-1"))
        if target is None or target.action != "predict":
            return None
        call = Call(
            target.name,
            target.version,
            target.label,
            signature or DEFAULT_SIGNATURE,
            "rest",
            timeout_seconds=self._timeout_seconds,
        )
        if len(self._calls) < _MOST_PATHS:
            self._calls[url, signature] = call
        return call
