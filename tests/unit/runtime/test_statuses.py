"""One table of codes for both protocols: section 6 of the contract."""

import pytest

from tfmodel_runtime.errors import ExecutionError
from tfmodel_runtime.statuses import Code, code_of, http_status_of

HTTP = {
    Code.OK: 200,
    Code.CANCELLED: 499,
    Code.UNKNOWN: 500,
    Code.INVALID_ARGUMENT: 400,
    Code.DEADLINE_EXCEEDED: 504,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.PERMISSION_DENIED: 403,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.FAILED_PRECONDITION: 400,
    Code.ABORTED: 409,
    Code.OUT_OF_RANGE: 400,
    Code.UNIMPLEMENTED: 501,
    Code.INTERNAL: 500,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 500,
    Code.UNAUTHENTICATED: 401,
}


@pytest.mark.parametrize("code", list(Code), ids=[code.name for code in Code])
def test_an_ops_own_code_is_kept_and_has_its_http_status(code: Code) -> None:
    fault = ExecutionError(int(code), "told by an op")
    assert code_of(fault) is code
    assert http_status_of(fault) == HTTP[code]


def test_a_code_that_nobody_knows_is_unknown() -> None:
    assert code_of(ExecutionError(99, "")) is Code.UNKNOWN
