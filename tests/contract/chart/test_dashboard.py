"""The Grafana dashboard: Prometheus parses each expression, and the programs expose each metric in it."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml
from prometheus_client import CollectorRegistry

from testkit.chart import CHART, Json, rendered, the
from tfmodel_operator import metrics as operator_metrics
from tfmodel_runtime.observability import metrics as runtime_metrics
from tfmodel_trainer.progress_server import GAUGES

DASHBOARD: Json = json.loads((CHART / "dashboards" / "tfmodel.json").read_text())
PLACED_BY_PROMETHEUS = {"namespace", "pod", "le"}


def targets() -> Iterator[tuple[str, Json]]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target


def exposed() -> dict[str, set[str]]:
    """Every series that a Prometheus may store, with its labels."""
    registry = CollectorRegistry()
    collectors = [
        *vars(operator_metrics.Metrics(registry, version="1")).values(),
        *vars(runtime_metrics.Metrics(registry, version="1", tensorflow_version="1")).values(),
    ]
    labels = {str(one._name): set(one._labelnames) for one in collectors if hasattr(one, "_labelnames")}
    found = {name: set(labels) for name, (_text, labels) in GAUGES.items()}
    for metric in registry.collect():
        of_metric = labels.get(metric.name, set()) | set(getattr(metric, "_labelnames", ()))
        of_metric |= {label for sample in metric.samples for label in sample.labels}
        suffixes = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(metric.type, [""])
        found.update({metric.name + suffix: of_metric for suffix in suffixes})
    return found


def test_prometheus_parses_every_expression(tmp_path: Path) -> None:
    rules = [
        {
            "record": f"r{number}",
            "expr": re.sub(r"\$[a-z]+\b(?!_)", ".*", target["expr"].replace("$__rate_interval", "5m")),
        }
        for number, (_, target) in enumerate(targets())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{len(rules)} rules found" in done.stdout


def test_every_metric_exists_and_has_the_labels_that_are_used() -> None:
    known = exposed()
    for title, target in targets():
        names = re.findall(r"tfmodel_[a-z_]+", target["expr"])
        assert names, title
        labels = set().union(*(known[name] for name in names), PLACED_BY_PROMETHEUS)
        used = {
            *re.findall(r"([a-z_]+)(?:=~|!~|!=|=)\"", target["expr"]),
            *(one.strip() for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for one in group.split(",")),
            *re.findall(r"{{([a-z_]+)}}", target["legendFormat"]),
        }
        assert used <= labels, title


def test_every_metric_is_shown_somewhere() -> None:
    shown = " ".join(target["expr"] for _, target in targets())
    families = {re.sub(r"_(bucket|sum|count|total)$", "", name) for name in exposed()}
    assert {name for name in families if name not in shown} == set()


def test_nothing_of_one_place_is_written_into_it() -> None:
    assert DASHBOARD["uid"] == "tfmodel"
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["datasource", "namespace", "model"]
    assert all(target["datasource"]["uid"] == "${datasource}" for _, target in targets())


def test_panels_do_not_overlap_and_are_told_apart() -> None:
    cells = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(0 <= x < 24 for x, _ in cells)
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))


def test_the_config_map_holds_it_as_it_is() -> None:
    found = the(rendered({"dashboard": {"enabled": True}}), "ConfigMap")
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert json.loads(found["data"]["tfmodel.json"]) == DASHBOARD
