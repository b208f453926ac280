"""One table: which status codes a cause has in gRPC and over HTTP.

The mapping of canonical codes to HTTP is TensorFlow Serving's (http_server.cc).
"""

from enum import IntEnum

from tfmodel_runtime import errors


class Code(IntEnum):
    """gRPC's canonical codes (google/rpc/code.proto), which are TensorFlow's too."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_HTTP = {
    Code.OK: 200,
    Code.INVALID_ARGUMENT: 400,
    Code.FAILED_PRECONDITION: 400,
    Code.OUT_OF_RANGE: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.CANCELLED: 499,
    Code.UNIMPLEMENTED: 501,
    Code.UNAVAILABLE: 503,
    Code.DEADLINE_EXCEEDED: 504,
}
_CODES: dict[type[errors.RuntimeFault], Code] = {
    errors.ModelNotFoundError: Code.NOT_FOUND,
    errors.NoVersionsError: Code.NOT_FOUND,
    errors.LabelNotFoundError: Code.INVALID_ARGUMENT,
    errors.SignatureNotFoundError: Code.FAILED_PRECONDITION,
    errors.InvalidInputError: Code.INVALID_ARGUMENT,
    errors.UnimplementedError: Code.UNIMPLEMENTED,
    errors.NotReadyError: Code.UNAVAILABLE,
    errors.OverloadedError: Code.UNAVAILABLE,
    errors.TimedOutError: Code.DEADLINE_EXCEEDED,
    errors.LoadError: Code.UNAVAILABLE,
}
_HTTP_OF_UNKNOWN_CODES = 500


def code_of(fault: errors.RuntimeFault) -> Code:
    """The canonical code of a cause."""
    if isinstance(fault, errors.ExecutionError):
        return Code(fault.code) if fault.code in Code._value2member_map_ else Code.UNKNOWN
    if isinstance(fault, errors.HandlerFault):
        return Code.INTERNAL if fault.status >= _HTTP_OF_UNKNOWN_CODES else Code.INVALID_ARGUMENT
    return _CODES.get(type(fault), Code.INTERNAL)


def http_status_of(fault: errors.RuntimeFault) -> int:
    """The HTTP status of a cause."""
    if isinstance(fault, errors.HandlerFault):
        return fault.status
    return _HTTP.get(code_of(fault), _HTTP_OF_UNKNOWN_CODES)
