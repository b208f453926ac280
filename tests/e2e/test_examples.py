"""The examples that need a cluster's volumes."""

import json
import urllib.request
from pathlib import Path

from testkit.kubectl import Namespace

DIGITS = Path(__file__).resolve().parents[2] / "examples" / "digits"


def test_digits_are_trained_from_a_volume_and_recognised(namespace: Namespace) -> None:
    namespace.kubectl("apply", "-f", str(DIGITS))
    namespace.wait_ready("digits", 300)
    body = (DIGITS / "client" / "request.json").read_bytes()
    wanted = json.loads((DIGITS / "client" / "response.json").read_text())
    with namespace.port_forward("service/digits", 8501) as port:
        url = f"http://127.0.0.1:{port}/v1/models/digits:predict"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as answer:
            found = json.load(answer)
    classes = [max(range(10), key=row.__getitem__) for row in found["predictions"]]
    assert classes == wanted["classes"]
