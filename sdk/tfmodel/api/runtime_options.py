"""`spec.serving`: how the runtime batches, warms up, reloads and drains, and what requests may take."""

from typing import Annotated

from pydantic import Field

from tfmodel.api.quantities import parse_duration, parse_quantity
from tfmodel.api.schema import ATOMIC, ApiValue, Duration, Rule, Size
from tfmodel.api.training import ConfigMapKey

_MOST_MESSAGE_BYTES = 2 * 1024**3


class Handler(ApiValue):
    """A custom inference service: a Python file with a subclass of tfmodel.serving.TfServingBaseService."""

    config_map_ref: ConfigMapKey
    """The ConfigMap and key that hold the file. A new content takes over in the running pods, without a restart."""


BatchSize = Annotated[int, Field(ge=1, le=65536)]


class Batching(ApiValue):
    """Requests that wait at the same time run together. Answers are those of unbatched requests."""

    max_batch_size: BatchSize = 32
    """Rows of a batch, at the most. A request with more is refused, unless enableLargeBatchSplitting is set."""
    batch_timeout: Duration = "0s"
    """How long the first request of a batch waits for others. With 0s a batch holds what waited while the last one ran."""
    max_enqueued_batches: Annotated[int, Field(ge=1, le=100000)] = 100
    """Batches that may wait; a request beyond them is refused with 503 and UNAVAILABLE."""
    num_batch_threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Batches that run at the same time. Default: as many as the container has cores."""
    allowed_batch_sizes: (
        Annotated[list[BatchSize], Field(min_length=1, max_length=64, json_schema_extra=ATOMIC)] | None
    ) = None
    """Numbers of rows that the model is run with; a batch is filled up to the next. Each is warmed up."""
    pad_variable_length_inputs: bool = False
    """Put rows of different shapes together, the shorter ones padded with their first value."""
    enable_large_batch_splitting: bool = False
    """Split a request with more rows than maxBatchSize, instead of refusing it."""

    rules = (
        Rule(
            cel="!has(self.allowedBatchSizes) || (self.allowedBatchSizes.isSorted()"
            " && self.allowedBatchSizes.all(one, self.allowedBatchSizes.exists_one(other, other == one)))",
            message="allowedBatchSizes must increase: list each size once, the smallest first",
            check=lambda found: (
                found.allowed_batch_sizes is None or found.allowed_batch_sizes == sorted(set(found.allowed_batch_sizes))
            ),
            field_path=".allowedBatchSizes",
        ),
        Rule(
            cel="!has(self.allowedBatchSizes)"
            " || self.allowedBatchSizes[size(self.allowedBatchSizes) - 1] == self.maxBatchSize",
            message="the last of allowedBatchSizes must be maxBatchSize: make them equal",
            check=lambda found: (
                found.allowed_batch_sizes is None or found.allowed_batch_sizes[-1] == found.max_batch_size
            ),
            field_path=".allowedBatchSizes",
        ),
    )


class Warmup(ApiValue):
    """What runs before a version is available: the requests in its assets.extra/tf_serving_warmup_requests, else generated ones."""

    enabled: bool = True
    """Whether versions are warmed up."""
    iterations: Annotated[int, Field(ge=1, le=1000)] = 1
    """How often each request of the file is sent."""


class Drain(ApiValue):
    """How a runtime pod ends: it fails its readiness, answers on for `delay`, then finishes what is in flight within `grace`."""

    delay: Duration = "5s"
    """Time for load balancers to learn that the pod goes."""
    grace: Duration = "30s"
    """Time for requests in flight after that."""


class Reload(ApiValue):
    """How the runtime finds and loads new versions."""

    poll_interval: Duration = "1s"
    """Time between looks at the store."""
    max_load_retries: Annotated[int, Field(ge=0, le=100)] = 5
    """How often a version that cannot be loaded is tried again."""
    load_retry_interval: Duration = "60s"
    """Time between tries."""

    rules = (
        Rule(
            cel="duration(self.pollInterval) >= duration('100ms')",
            message="pollInterval must be at least 100ms: a store is not asked more often",
            check=lambda found: parse_duration(found.poll_interval) >= 0.1,
            field_path=".pollInterval",
        ),
    )


class Limits(ApiValue):
    """What requests may take."""

    max_body_bytes: Size = "128Mi"
    """Largest body of a REST request, and largest gRPC message."""
    max_requests_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 1024
    """Requests that are answered at the same time; more are refused at once, with 503 and UNAVAILABLE."""
    request_timeout: Duration = "30s"
    """Longest time of a REST request. A gRPC client sets its own deadline."""

    rules = (
        Rule(
            cel="quantity(self.maxBodyBytes).isGreaterThan(quantity('0'))"
            " && quantity(self.maxBodyBytes).isLessThan(quantity('2Gi'))",
            message="maxBodyBytes must be above 0 and below 2Gi: give a size such as 32Mi",
            check=lambda found: 0 < parse_quantity(found.max_body_bytes) < _MOST_MESSAGE_BYTES,
            field_path=".maxBodyBytes",
        ),
        Rule(
            cel="duration(self.requestTimeout) >= duration('1ms')",
            message="requestTimeout must be above 0: give a duration such as 30s",
            check=lambda found: parse_duration(found.request_timeout) > 0,
            field_path=".requestTimeout",
        ),
    )
