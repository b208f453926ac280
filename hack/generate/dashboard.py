"""Writes the Grafana dashboard of the chart: models on top, the operator below. Run by `make generate`."""

import json
from pathlib import Path
from typing import Any

TARGET = Path(__file__).resolve().parents[2] / "charts" / "tfmodel-operator" / "dashboards" / "tfmodel.json"
_MODEL = 'model=~"$model"'
_REQUESTS = f"tfmodel_runtime_requests_total{{{_MODEL}}}"
_BUCKETS = f"tfmodel_runtime_request_duration_seconds_bucket{{{_MODEL}}}"
_LOADS = f"tfmodel_runtime_version_load_duration_seconds_bucket{{{_MODEL}}}"
PANELS: tuple[tuple[str, str, str, str], ...] = (
    ("Models by phase", "short", "sum by (phase) (tfmodel_operator_models)", "{{phase}}"),
    ("Requests", "reqps", f"sum by (model, version) (rate({_REQUESTS}[1m]))", "{{model}} {{version}}"),
    (
        "Requests that failed",
        "reqps",
        f'sum by (model, code) (rate(tfmodel_runtime_requests_total{{{_MODEL}, code!="OK"}}[1m]))',
        "{{model}} {{code}}",
    ),
    (
        "Latency, median",
        "s",
        f"histogram_quantile(0.5, sum by (model, version, le) (rate({_BUCKETS}[1m])))",
        "{{model}} {{version}}",
    ),
    (
        "Latency, 99th percentile",
        "s",
        f"histogram_quantile(0.99, sum by (model, version, le) (rate({_BUCKETS}[1m])))",
        "{{model}} {{version}}",
    ),
    ("Requests in flight", "short", "sum by (pod) (tfmodel_runtime_requests_in_flight)", "{{pod}}"),
    (
        "Versions loaded",
        "short",
        f'sum by (model, version) (tfmodel_runtime_version_state{{{_MODEL}, state="Available"}})',
        "{{model}} {{version}}",
    ),
    (
        "Loads that failed",
        "short",
        f"sum by (model) (increase(tfmodel_runtime_version_load_failures_total{{{_MODEL}}}[10m]))",
        "{{model}}",
    ),
    (
        "Time to load, 90th percentile",
        "s",
        f"histogram_quantile(0.9, sum by (model, le) (increase({_LOADS}[1h])))",
        "{{model}}",
    ),
    ("Reconciles", "ops", "sum by (result) (rate(tfmodel_operator_reconciles_total[1m]))", "{{result}}"),
    (
        "Time of a reconcile, 99th percentile",
        "s",
        "histogram_quantile(0.99, sum by (le) (rate(tfmodel_operator_reconcile_duration_seconds_bucket[5m])))",
        "all",
    ),
    ("Queue", "s", "max(tfmodel_operator_queue_age_seconds)", "age of the oldest key"),
    (
        "Time since a watch told of something",
        "s",
        "time() - max by (kind) (tfmodel_operator_last_watch_event_timestamp_seconds)",
        "{{kind}}",
    ),
    ("Operators that lead", "short", "sum(tfmodel_operator_leader)", "leaders"),
    (
        "Requests to the API server",
        "reqps",
        "sum by (verb, code) (rate(tfmodel_operator_api_requests_total[1m]))",
        "{{verb}} {{code}}",
    ),
)
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}
_COLUMNS, _WIDTH, _HEIGHT = 3, 8, 7


def files() -> dict[Path, bytes]:
    """The generated file and what it holds."""
    return {TARGET: (json.dumps(_dashboard(), indent=1) + "\n").encode()}


def _dashboard() -> dict[str, Any]:
    return {
        "uid": "tfmodel",
        "title": "TFModels",
        "tags": ["tfmodel"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource(), _models()]},
        "panels": [_panel(number, *panel) for number, panel in enumerate(PANELS)],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}


def _models() -> dict[str, Any]:
    query = "label_values(tfmodel_runtime_version_state, model)"
    return {
        "name": "model",
        "label": "Model",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "models"},
        "includeAll": True,
        "multi": True,
        "refresh": 2,
        "current": {"text": "All", "value": "$__all"},
    }


def _panel(number: int, title: str, unit: str, expression: str, legend: str) -> dict[str, Any]:
    place = {"x": number % _COLUMNS * _WIDTH, "y": number // _COLUMNS * _HEIGHT, "w": _WIDTH, "h": _HEIGHT}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": _SOURCE,
        "gridPos": place,
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [{"refId": "A", "datasource": _SOURCE, "expr": expression, "legendFormat": legend}],
    }
