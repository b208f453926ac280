"""What the harness tells each adapter."""

import argparse
from typing import Any


def arguments() -> Any:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True, help="the folder of a SavedModel")
    parser.add_argument("--name", required=True)
    parser.add_argument(
        "--shape", required=True, type=lambda text: [int(size) for size in text.split(",")], help="of one row"
    )
    for port in ("rest", "grpc", "more"):
        parser.add_argument(f"--{port}-port", type=int, required=True)
    parser.add_argument("--workers", type=int, required=True)
    return parser.parse_args()
