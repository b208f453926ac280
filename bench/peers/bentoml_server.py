"""BentoML: JSON over HTTP, requests that wait run together, without a line of log or a metric a request."""

import os
import sys
from pathlib import Path

from arguments import arguments


def main() -> None:
    given = arguments()
    chosen = {"BENTO_SAVED_MODEL": given.model, "BENTO_WORKERS": str(given.workers), "BENTOML_DO_NOT_TRACK": "1"}
    program = str(Path(sys.executable).with_name("bentoml"))
    here = str(Path(__file__).parent)
    command = ["serve", "bentoml_service:SavedModel", "--working-dir", here, "--host", "127.0.0.1"]
    os.execve(  # noqa: S606 - it takes this process's place, and no shell is wanted
        program, [program, *command, "--port", str(given.rest_port)], {**os.environ, **chosen}
    )


if __name__ == "__main__":
    main()
