"""What a Prometheus would scrape from the runtime."""

import subprocess

from testkit.served import Served


def test_requests_are_counted_by_model_version_signature_method_protocol_and_code(half: Served) -> None:
    half.ask("/v1/models/half:predict", {"instances": [1]})
    half.ask("/v1/models/half:predict", {"instances": ["a"]})
    text = half.text("/metrics")
    labels = 'method="predict",model="half",protocol="rest",signature="serving_default",version="1"'
    assert f'tfmodel_runtime_requests_total{{code="OK",{labels}}}' in text
    assert f'tfmodel_runtime_requests_total{{code="INVALID_ARGUMENT",{labels}}}' in text
    assert 'tfmodel_runtime_version_state{model="half",state="Available",version="1"} 1.0' in text
    for phase in ("restore", "warm_up", "total"):
        assert f'tfmodel_runtime_version_load_duration_seconds_count{{model="half",phase="{phase}"}} 1.0' in text
    assert 'tfmodel_runtime_version_memory_bytes{model="half",version="1"}' in text


def test_a_name_that_is_not_loaded_never_becomes_a_label(half: Served) -> None:
    for number in range(5):
        half.ask(f"/v1/models/unheard-of-{number}:predict", {"instances": [1]})
    assert "unheard-of" not in half.text("/metrics")


def test_the_format_is_prometheus(half: Served) -> None:
    done = subprocess.run(
        ["promtool", "check", "metrics"], input=half.text("/metrics"), capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 3), done.stderr
    assert "error" not in done.stderr.lower()
