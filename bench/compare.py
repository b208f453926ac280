"""`make bench`: measures this runtime and its peers side by side, and writes the report. `make bench HELP=1` lists the choices."""

import signal
import sys
import tempfile
from pathlib import Path

from comparison import clients, installing, machine, peers, plot, report
from comparison.choices import Choices, parse
from comparison.measuring import Bench
from comparison.models import MODELS, made
from comparison.peers import TFSERVING, Peer, Server
from comparison.results import GRPC, OURS, Failure, Results, joined


def main() -> int:
    choices = parse(sys.argv[1:])
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server that runs is ended too
    if choices.join:
        write(joined([Results.from_json(path.read_text()) for path in choices.join]), choices.out)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = clients.found(Path(folder), needs_grpc=GRPC in choices.protocols)
        except clients.ClientError as error:
            say(str(error))
            return 1
        results = Results(machine.described())
        try:
            run(choices, found, results)
        finally:
            results.machine |= machine.load_figures([cell.load for cell in results.cells])
            write(results, choices.out)
    return 0


def run(choices: Choices, found: clients.Clients, results: Results) -> None:
    """Installs, measures; what fails is in the results."""
    servers, pythons = installed(choices, results)
    bench = Bench(
        found,
        pythons,
        choices.checkout,
        choices.out / "logs",
        choices.protocols,
        choices.connections,
        choices.seconds,
        choices.start_seconds,
        say,
        results,
    )
    for name in choices.models:
        say(f"model {name}")
        bench.measure(made(MODELS[name], choices.cache), servers, choices.rounds)


def installed(choices: Choices, results: Results) -> tuple[list[Server], dict[str, Path]]:
    """The servers that can be started, ours first, and the environments of the peers among them."""
    own = peers.ours(choices.checkout, choices.flags, choices.workers)
    servers: list[Server] = [own]
    pythons: dict[str, Path] = {}
    results.versions[OURS] = installing.versions(
        Path(own.prefix[0]), ("tfmodel", "tensorflow-cpu", "numpy", "uvicorn", "uvloop", "grpcio")
    )
    for name in choices.peers:
        try:
            server: Server = peers.tfserving() if name == TFSERVING else peers.peer(name, choices.workers)
            if isinstance(server, Peer):
                say(f"environment of {name}")
                pythons[name] = installing.environment_of(server, choices.cache)
                results.versions[name] = installing.versions(pythons[name], (*server.packages, "tensorflow-cpu"))
            servers.append(server)
        except (LookupError, installing.InstallError) as error:
            say(f"{name}: {error}")
            results.failures.append(Failure(name, str(error)))
    return servers, pythons


def write(results: Results, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(results.to_json())
    (out / "report.md").write_text(report.markdown(results))
    plot.draw(results, out / "report.png")
    print(report.markdown(results))
    say(f"written: {out}/report.md, results.json, report.png")


def say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
