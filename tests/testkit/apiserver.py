"""A real etcd and kube-apiserver on loopback, without kubelet or controllers: for what only they decide."""

from __future__ import annotations

import json
import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

TOKEN = "tests-token"
_START_SECONDS = 60


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class ApiServer:
    """etcd and kube-apiserver with their state in a folder. `kubeconfig` names a user who may do everything.

    `flags` are more flags of the API server; each of `users` has a kubeconfig too, and the rights that RBAC gives.
    """

    def __init__(self, folder: Path, *flags: str, users: Sequence[str] = ()) -> None:
        self._folder = folder
        self._flags = flags
        self._users = users
        self._etcd_port, self.port = free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self.kubeconfig = folder / "kubeconfig"
        self._insecure = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._insecure.check_hostname = False
        self._insecure.verify_mode = ssl.CERT_NONE
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._write_files()
        self._start_etcd()
        self.start()

    def _write_files(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        key = self._folder / "sa.key"
        subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        tokens = [f"{TOKEN},admin,admin,system:masters", *(f"{TOKEN}-{user},{user},{user}" for user in self._users)]
        (self._folder / "tokens.csv").write_text("\n".join(tokens) + "\n")
        self._write_kubeconfig(self.kubeconfig, TOKEN)
        for user in self._users:
            self._write_kubeconfig(self.kubeconfig_of(user), f"{TOKEN}-{user}")

    def kubeconfig_of(self, user: str) -> Path:
        """The kubeconfig of one of the users."""
        return self._folder / f"kubeconfig-{user}"

    def _write_kubeconfig(self, file: Path, token: str) -> None:
        config: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": self.url, "insecure-skip-tls-verify": True}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        }
        file.write_text(yaml.safe_dump(config))

    def _run(self, name: str, *command: str) -> None:
        program = shutil.which(command[0])
        assert program, f"{command[0]} is not on the PATH: run the tests by make"
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen([program, *command[1:]], stdout=log, stderr=log)

    def _start_etcd(self) -> None:
        client, peer = f"http://127.0.0.1:{self._etcd_port}", f"http://127.0.0.1:{free_port()}"
        self._run(
            "etcd",
            *("etcd", f"--data-dir={self._folder}/etcd", "--unsafe-no-fsync"),
            *(f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}"),
        )

    def start(self) -> None:
        """Starts the API server and waits until it is ready."""
        self._run(
            "apiserver",
            *("kube-apiserver", f"--etcd-servers=http://127.0.0.1:{self._etcd_port}", "--bind-address=127.0.0.1"),
            *(f"--secure-port={self.port}", f"--cert-dir={self._folder}/certs", "--authorization-mode=RBAC"),
            *(f"--service-account-key-file={self._folder}/sa.key", "--service-cluster-ip-range=10.97.0.0/16"),
            *(f"--service-account-signing-key-file={self._folder}/sa.key", "--service-account-issuer=https://tests"),
            *(f"--token-auth-file={self._folder}/tokens.csv", "--disable-admission-plugins=ServiceAccount"),
            *self._flags,
        )
        end = time.monotonic() + _START_SECONDS
        while self.get("/readyz") != "ok":
            assert time.monotonic() < end, (self._folder / "apiserver.log").read_text()[-3000:]
            time.sleep(0.3)

    def wait_established(self, crd: str) -> None:
        """Waits until a CustomResourceDefinition is served; asks again whatever is answered, where `kubectl wait` ends at an error."""
        end = time.monotonic() + _START_SECONDS
        while True:
            found = json.loads(self.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{crd}") or "{}")
            conditions = found.get("status", {}).get("conditions") or ()
            if any((one["type"], one["status"]) == ("Established", "True") for one in conditions):
                return
            assert time.monotonic() < end, f"{crd} is not established: {conditions}"
            time.sleep(0.1)

    def get(self, path: str) -> str:
        """What the API server answers; nothing where it answers with an error, or not. A hundredth of what kubectl costs, to ask often."""
        request = urllib.request.Request(f"{self.url}{path}", headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=10, context=self._insecure) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def kill(self) -> None:
        """Kills the API server; etcd keeps the state."""
        self._processes["apiserver"].kill()
        self._processes["apiserver"].wait()

    def stop(self) -> None:
        """Ends both."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def kubectl(self, *args: str, stdin: str | None = None, check: bool = True) -> subprocess.CompletedProcess[str]:
        """kubectl against this server."""
        environment = {**os.environ, "KUBECONFIG": str(self.kubeconfig)}
        return subprocess.run(
            ["kubectl", *args], input=stdin, capture_output=True, text=True, check=check, env=environment, timeout=60
        )
