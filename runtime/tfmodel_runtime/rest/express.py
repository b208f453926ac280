"""Predict requests of TensorFlow Serving's REST API, answered on their connection: no ASGI scope, no task, one write.

Only what is plain takes this way: a POST of a path that ends in :predict, of a body that is not encoded, to a server that asks for no
token and does not drain, for a light call. Everything else, and everything that is wrong in any way, goes through the ASGI
applications, which answer the same with more ceremony: what this refuses was not counted and left no trace.

Clients that keep a connection send the same head again and again, and bodies that differ in numbers only. Such a head is parsed once,
and such bodies are read, run and answered together (`lanes`).
"""

from collections.abc import Callable, Mapping

from tfmodel_runtime.codec import named_rows, number_rows, tfserving_json
from tfmodel_runtime.engine.signature import DEFAULT_SIGNATURE, Ask, Signature
from tfmodel_runtime.errors import RuntimeFault
from tfmodel_runtime.lanes import Lane, Receiver, Wire
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
END_OF_HEAD = b"\r\n\r\n"
_MOST_HEAD_BYTES = 4096
_MOST_KIND_BYTES = 2**16
_MOST_HELD_BYTES = 2**22
_MOST_KINDS = 32
"""Kinds of one URL beyond which none is looked for among bodies that name their inputs: finding one takes milliseconds."""
_OVERHEAD_BYTES = 512
"""About what an entry takes beside its bytes."""
Done = Callable[[Answer], None]


class Known:
    """A request's head that was met before, byte by byte: what it asks for, and how long a body it announces."""

    __slots__ = ("_lanes", "length")

    def __init__(self, lanes: Mapping[bytes, Lane | None], length: int) -> None:
        self._lanes = lanes
        self.length = length

    def take(self, body: bytes, receiver: Receiver) -> bool:
        """Takes the request, if bodies of this kind are known as well."""
        lane = self._lanes.get(number_rows.kind(body))
        return lane is not None and lane.take(body, receiver)


class Express:
    """Takes the requests that it can answer at once."""

    def __init__(
        self, predictor: Predictor, readiness: Readiness, *, timeout_seconds: float, most_body_bytes: int
    ) -> None:
        self._predictor = predictor
        self._readiness = readiness
        self._timeout_seconds = timeout_seconds
        self.most_bytes = min(MOST_BYTES, most_body_bytes + 1)
        self.heads: dict[bytes, Known] = {}
        """Heads of requests, the empty line included."""
        self._lanes: dict[bytes, dict[bytes, Lane | None]] = {}
        """Lanes by URL and by the kind of their bodies; None for a kind that no lane takes."""
        self._held_bytes = 0
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

    def take(self, url: bytes, body: bytes, receiver: Receiver) -> bool:
        """Takes a request of a kind that was met before; false if it was not, or is not for a lane now."""
        lanes = self._lanes.get(url)
        return lanes is not None and Known(lanes, len(body)).take(body, receiver)

    def answer(self, url: bytes, body: bytes, done: Done) -> bool:
        """Takes a request, whose answer comes to `done`, now or later; false if it goes the other way."""
        try:
            request = tfserving_json.read(body)
        except RuntimeFault:
            return False
        call = self._calls.get((url, request.signature_name)) or self._call(url, request.signature_name)
        if call is None:
            return False

        asked: list[Signature] = []

        def ask(signature: Signature) -> Ask:
            found = Ask(tfserving_json.feeds(request, signature))
            asked.append(signature)
            return found

        def told(found: bytes | RuntimeFault) -> None:
            done(Answer(200, found) if isinstance(found, bytes) else refusal(http_status_of(found), str(found)))

        is_taken = self._predictor.at_once(
            call,
            ask,
            lambda _handle, _signature, outputs: tfserving_json.answer(request.form, outputs),
            told,
        )
        if asked:
            self._open_lane(url, body, call, request, asked[0])
        if not is_taken and len(self._passed_over) < _MOST_PATHS:
            self._passed_over[url] = _PASSED_OVER
        return is_taken

    def learn(self, url: bytes, message: bytes, body: bytes) -> None:
        """Keeps the head of a message that is one request which was taken, and nothing else."""
        end = len(message) - len(body)
        lanes = self._lanes.get(url)
        if lanes is not None and end <= _MOST_HEAD_BYTES and self._hold(end):
            self.heads[message[:end]] = Known(lanes, len(body))

    def _open_lane(
        self, url: bytes, body: bytes, call: Call, request: tfserving_json.Request, taker: Signature
    ) -> None:
        """Has a lane take what is like a body that the signature took."""
        lanes = self._lanes.get(url, {})
        is_named = request.plain is None
        if is_named and (len(lanes) >= _MOST_KINDS or not named_rows.may_be(body, taker)):
            return
        kind = number_rows.kind(body)
        if kind in lanes or len(kind) > _MOST_KIND_BYTES:
            return
        wire: Wire | None
        if request.plain is not None:
            wire, held = number_rows.like(body, request.plain), len(kind)
        else:
            wire, held = named_rows.like(body, request.form, taker), named_rows.HELD_BYTES
        is_known = wire is not None or is_named  # named ones that are more than numbers are not looked at again
        if is_known and self._hold(len(url) + held):
            lanes[kind] = None if wire is None else Lane(self._predictor, call, wire)
            self._lanes[url] = lanes

    def _hold(self, size: int) -> bool:
        """Room for so much more of what is known; where there is none, all is forgotten, and learned again."""
        self._held_bytes += size + _OVERHEAD_BYTES
        if self._held_bytes <= _MOST_HELD_BYTES:
            return True
        self._held_bytes = 0
        self.heads.clear()
        self._lanes.clear()
        return False

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
