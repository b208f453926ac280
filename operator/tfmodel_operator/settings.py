"""The operator's flags, each once. Every flag can also be given as TFMODEL_OPERATOR_<NAME> in the environment."""

import argparse
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command line and the environment say."""

    namespace: tuple[str, ...]
    runtime_image: str
    trainer_image: str
    tfjs_image: str
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"]
    leader_elect: bool
    lease_name: str
    lease_namespace: str
    identity: str
    metrics_port: int
    resync_seconds: float
    log_level: str


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """The settings. Ends the process with code 2 and a sentence if a flag is unknown or wrong."""
    parser = argparse.ArgumentParser("tfmodel-operator", description="Makes what TFModels ask for.", allow_abbrev=False)

    def add(name: str, default: str, text: str, **more: object) -> None:
        found = environment.get(f"TFMODEL_OPERATOR_{name.upper().replace('-', '_')}", default)
        parser.add_argument(f"--{name}", default=found, help=f"{text} ({default or 'none'})", **more)  # type: ignore[arg-type]

    add("runtime-image", "tfmodel-runtime:latest", "image of the pods that serve")
    add("trainer-image", "tfmodel-trainer:latest", "image that trains scripts and exports models")
    add("tfjs-image", "tfmodel-tfjs:latest", "image that exports models for which the format TFJS is asked")
    add("image-pull-policy", "IfNotPresent", "when images are pulled", choices=("Always", "IfNotPresent", "Never"))
    add("lease-name", "tfmodel-operator", "Lease by which one replica leads")
    add("lease-namespace", "default", "namespace of the Lease")
    add("identity", environment.get("POD_NAME", socket.gethostname()), "name of this replica in the Lease")
    add("metrics-port", "8080", "port of /healthz, /readyz and /metrics", type=int)
    add("resync-seconds", "3600", "seconds between full lists, a belt beside the watches", type=float)
    add("log-level", "info", "least level of logs", choices=("debug", "info", "warning", "error"))
    watched = [one for one in environment.get("TFMODEL_OPERATOR_NAMESPACE", "").split(",") if one]
    parser.add_argument(
        "--namespace", action="append", default=watched, help="namespace to watch; repeat it; none means all"
    )
    parser.add_argument(
        "--leader-elect",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="act only while holding the Lease (yes)",
    )
    found = vars(parser.parse_args(list(arguments)))
    found["namespace"] = tuple(dict.fromkeys(found["namespace"]))
    found["metrics_port"] = int(found["metrics_port"])
    found["resync_seconds"] = float(found["resync_seconds"])
    return Settings(**found)


def from_process(arguments: Sequence[str]) -> Settings:
    """The settings of this process."""
    return parse(arguments, os.environ)
