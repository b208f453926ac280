"""Writes the chart's Grafana dashboard from a table of panels. Run by `make generate`.

The first half is the fleet (what the operator counts and what the runtimes measure), the second the operator itself. The labels
`namespace` and `pod` are those that the PodMonitor and ServiceMonitor give; everything else is in docs/reference/metrics.md.
Operator figures are taken as the highest of all replicas, because a standby sees the same TFModels as the leader.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

TARGET = Path(__file__).resolve().parents[2] / "charts" / "tfmodel-operator" / "dashboards" / "tfmodel.json"
Json = dict[str, Any]
DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS, WIDTH, HEIGHT = 24, 8, 8
CHOSEN = 'namespace=~"$namespace",model=~"$model"'
STATES = f"tfmodel_runtime_version_state{{{CHOSEN}}}"
ANSWERING = f'tfmodel_runtime_version_state{{{CHOSEN},state="Available"}}'
FAILED_LOADS = f"tfmodel_runtime_version_load_failures_total{{{CHOSEN}}}"
LOAD = f"tfmodel_runtime_version_load_duration_seconds_bucket{{{CHOSEN}}}"
MEMORY = f"tfmodel_runtime_version_memory_bytes{{{CHOSEN}}}"
OPTIMIZED = f"tfmodel_runtime_version_optimization_info{{{CHOSEN}}}"
LATENCY = f"tfmodel_runtime_request_duration_seconds_bucket{{{CHOSEN}}}"
BATCH_ROWS = f"tfmodel_runtime_batch_rows_bucket{{{CHOSEN}}}"
BATCH_WAITS = f"tfmodel_runtime_batch_wait_seconds_bucket{{{CHOSEN}}}"
BATCH_QUEUE = f"tfmodel_runtime_batch_queue_requests{{{CHOSEN}}}"
HANDLER_LOADS = 'tfmodel_runtime_handler_loads_total{namespace=~"$namespace"}'
HANDLER_HANGS = 'tfmodel_runtime_handler_hanging_threads{namespace=~"$namespace"}'
PROCESS_RESTARTS = 'tfmodel_runtime_process_restarts_total{namespace=~"$namespace"}'
TRAININGS = f"{{{CHOSEN}}}"
IN_FLIGHT = 'tfmodel_runtime_requests_in_flight{namespace=~"$namespace"}'
MODEL = "{{namespace}}/{{model}} v{{version}}"


@dataclass(frozen=True, slots=True)
class Panel:
    """A graph: its series as pairs of expression and legend."""

    title: str
    text: str
    series: tuple[tuple[str, str], ...]
    unit: str = "short"
    kind: Literal["timeseries", "stat"] = "timeseries"


def _rate(metric: str, by: str, labels: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{{{labels}}}[$__rate_interval]))"


def _quantile(quantile: float, buckets: str, by: str) -> str:
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({quantile}, sum by ({labels}) (rate({buckets}[$__rate_interval])))"


FLEET = (
    Panel(
        "Models by phase",
        "TFModels that the operator looks after.",
        (("max by (phase) (tfmodel_operator_models)", "{{phase}}"),),
        kind="stat",
    ),
    Panel(
        "Pods that answer",
        "Runtime pods in which a version is loaded and warmed.",
        ((f"sum by (namespace, model, version) ({ANSWERING})", MODEL),),
    ),
    Panel(
        "Versions by state",
        "Versions as the pods see them; Failed needs a look at the TFModel's status.",
        ((f"sum by (namespace, model, version, state) ({STATES})", MODEL + " {{state}}"),),
    ),
    Panel(
        "Requests",
        "Answered requests, REST and gRPC.",
        ((_rate("tfmodel_runtime_requests_total", "namespace, model, version", CHOSEN), MODEL),),
        "reqps",
    ),
    Panel(
        "Errors",
        "Answered requests whose code is not OK.",
        (
            (
                _rate("tfmodel_runtime_requests_total", "namespace, model, code", CHOSEN + ',code!="OK"'),
                "{{namespace}}/{{model}} {{code}}",
            ),
        ),
        "reqps",
    ),
    Panel(
        "Latency",
        "Time from a request's arrival to its answer, of requests that succeeded.",
        (
            (_quantile(0.5, LATENCY, "namespace, model, version"), MODEL + " p50"),
            (_quantile(0.99, LATENCY, "namespace, model, version"), MODEL + " p99"),
        ),
        "s",
    ),
    Panel(
        "In flight",
        "Requests that are being answered.",
        ((f"sum by (namespace, pod) ({IN_FLIGHT})", "{{namespace}}/{{pod}}"),),
    ),
    Panel(
        "Failed loads",
        "Attempts to load a version that failed, in the last hour.",
        ((f"sum by (namespace, model) (increase({FAILED_LOADS}[1h]))", "{{namespace}}/{{model}}"),),
    ),
    Panel(
        "Time of a load",
        "Restoring, warming up, and all until a version answers: 99th percentile of the last hour.",
        (
            (
                f"histogram_quantile(0.99, sum by (le, namespace, model, phase) (increase({LOAD}[1h])))",
                "{{namespace}}/{{model}} {{phase}}",
            ),
        ),
        "s",
    ),
    Panel(
        "Memory of versions",
        "By how much a pod grew while it loaded a version.",
        ((f"max by (namespace, model, version) ({MEMORY})", MODEL),),
        "bytes",
    ),
    Panel(
        "Rows of a batch",
        "Where requests are batched: how many rows run together.",
        (
            (_quantile(0.5, BATCH_ROWS, "namespace, model"), "{{namespace}}/{{model}} p50"),
            (_quantile(0.99, BATCH_ROWS, "namespace, model"), "{{namespace}}/{{model}} p99"),
        ),
    ),
    Panel(
        "Wait for a batch",
        "Time that requests wait for the batch that they run in: 99th percentile; and how many wait now.",
        (
            (_quantile(0.99, BATCH_WAITS, "namespace, model"), "{{namespace}}/{{model}} p99"),
            (f"sum by (namespace, model) ({BATCH_QUEUE})", "{{namespace}}/{{model}} waiting"),
        ),
        "s",
    ),
    Panel(
        "Trainings",
        "How much of each training that runs is done.",
        ((f"tfmodel_training_progress_ratio{TRAININGS}", "{{namespace}}/{{model}} {{run}}"),),
        "percentunit",
    ),
    Panel(
        "Time that trainings still take",
        "At the pace so far.",
        ((f"tfmodel_training_estimated_remaining_seconds{TRAININGS}", "{{namespace}}/{{model}} {{run}}"),),
        "s",
    ),
    Panel(
        "Epochs and steps",
        "That ended, of trainings that run.",
        (
            (f"tfmodel_training_epochs{TRAININGS}", "{{namespace}}/{{model}} {{run}} epochs"),
            (f"tfmodel_training_steps{TRAININGS}", "{{namespace}}/{{model}} {{run}} steps"),
        ),
    ),
    Panel(
        "Loss and metrics of trainings",
        "As the training told them last.",
        ((f"tfmodel_training_metric{TRAININGS}", "{{namespace}}/{{model}} {{run}} {{metric}}"),),
    ),
    Panel(
        "Graphs that serve",
        "What versions run on: the SavedModel's own graph (None), constants (Graph), XLA; and why it is not what was asked for.",
        (
            (
                f"count by (namespace, model, version, used, reason) ({OPTIMIZED})",
                "{{model}} {{version}} {{used}} {{reason}}",
            ),
        ),
    ),
    Panel(
        "Handler",
        "Contents of its file that were taken up or refused, in the last hour; and threads of it that hang now.",
        (
            (f"sum by (namespace, pod, result) (increase({HANDLER_LOADS}[1h]))", "{{namespace}}/{{pod}} {{result}}"),
            (f"max by (namespace, pod) ({HANDLER_HANGS})", "{{namespace}}/{{pod}} hanging"),
        ),
    ),
    Panel(
        "Processes that ended",
        "Of several in a pod, in the last hour; another took the place of each.",
        ((f"sum by (namespace, pod) (increase({PROCESS_RESTARTS}[1h]))", "{{namespace}}/{{pod}}"),),
    ),
)
OPERATOR = (
    Panel(
        "Leader",
        "1 for the replica that acts. The sum is 1, or 0 for at most 20 s.",
        (("max by (pod) (tfmodel_operator_leader)", "{{pod}}"),),
        kind="stat",
    ),
    Panel(
        "Reconciles",
        "By how they ended; errors are tried again.",
        ((_rate("tfmodel_operator_reconciles_total", "result"), "{{result}}"),),
        "ops",
    ),
    Panel(
        "Time of a reconcile",
        "One look at a TFModel and what followed from it.",
        tuple(
            (_quantile(share, "tfmodel_operator_reconcile_duration_seconds_bucket", ""), name)
            for share, name in ((0.5, "p50"), (0.99, "p99"))
        ),
        "s",
    ),
    Panel(
        "Queue",
        "Age of the TFModel that waits longest, and how many wait.",
        (
            ("max(tfmodel_operator_queue_age_seconds)", "age in seconds"),
            ("max(tfmodel_operator_queue_depth)", "waiting"),
        ),
    ),
    Panel(
        "Since the last watch event",
        "Long is normal where nothing happens; long for a kind that changes means that a watch is blind.",
        (("time() - max by (kind) (tfmodel_operator_last_watch_event_timestamp_seconds)", "{{kind}}"),),
        "s",
    ),
    Panel(
        "Watches started again",
        "Times in the last hour that all watches ended and were started again.",
        (("sum(increase(tfmodel_operator_watch_restarts_total[1h]))", "restarts"),),
    ),
    Panel(
        "Requests to the API server",
        "By verb and kind. Next to none at rest.",
        ((_rate("tfmodel_operator_api_requests_total", "verb, kind"), "{{verb}} {{kind}}"),),
        "reqps",
    ),
    Panel(
        "Refusals of the API server",
        "By code; 0 is no answer.",
        (
            (
                _rate("tfmodel_operator_api_requests_total", "verb, kind, code", 'code!~"2.."'),
                "{{verb}} {{kind}} {{code}}",
            ),
        ),
        "reqps",
    ),
    Panel(
        "Releases",
        "Pods of each release.",
        (
            ("count by (version) (tfmodel_operator_build_info)", "operator {{version}}"),
            (
                "count by (version, tensorflow_version) (tfmodel_runtime_build_info)",
                "runtime {{version}}, TensorFlow {{tensorflow_version}}",
            ),
        ),
        kind="stat",
    ),
)


def files() -> dict[Path, bytes]:
    """The generated file and what it holds."""
    return {TARGET: (json.dumps(_dashboard(), indent=1) + "\n").encode()}


def _dashboard() -> Json:
    panels = [*_row("Fleet", FLEET, 0), *_row("Operator", OPERATOR, 1 + HEIGHT * _lines(FLEET))]
    variables = [_datasource(), _variable("namespace", ""), _variable("model", 'namespace=~"$namespace"')]
    return {
        "uid": "tfmodel",
        "title": "TFModels",
        "description": "Models trained and served by tfmodel-operator, and the operator itself.",
        "tags": ["tfmodel", "tensorflow"],
        "schemaVersion": 39,
        "editable": True,
        "timezone": "browser",
        "time": {"from": "now-1h", "to": "now"},
        "refresh": "30s",
        "templating": {"list": variables},
        "panels": [{"id": number, **panel} for number, panel in enumerate(panels, start=1)],
    }


def _lines(panels: tuple[Panel, ...]) -> int:
    return -(-len(panels) * WIDTH // COLUMNS)


def _row(title: str, panels: tuple[Panel, ...], top: int) -> list[Json]:
    head = {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _place(0, top, COLUMNS, 1)}
    graphs = [
        _graph(panel, _place(number * WIDTH % COLUMNS, top + 1 + number * WIDTH // COLUMNS * HEIGHT, WIDTH, HEIGHT))
        for number, panel in enumerate(panels)
    ]
    return [head, *graphs]


def _place(x: int, y: int, w: int, h: int) -> Json:
    return {"x": x, "y": y, "w": w, "h": h}


def _graph(panel: Panel, place: Json) -> Json:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.text,
        "datasource": DATASOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": DATASOURCE, "expr": expression, "legendFormat": legend}
            for number, (expression, legend) in enumerate(panel.series)
        ],
    }


def _datasource() -> Json:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"}


def _variable(label: str, among: str) -> Json:
    query = f"label_values(tfmodel_runtime_version_state{{{among}}}, {label})"
    return {
        "name": label,
        "label": label.capitalize(),
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": label},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
