"""`tfmodel serve`: reads the flags, and opens TensorFlow's library while the rest of the program is imported."""

import sys
from collections.abc import Sequence

from tfmodel.memory import keep_little
from tfmodel_runtime.engine import capi, opening
from tfmodel_runtime.engine.modes import Mode
from tfmodel_runtime.flags import parse
from tfmodel_runtime.observability import logs


def main(arguments: Sequence[str] | None = None) -> int:
    """Serves until it is told to stop; the exit code of the process."""
    logs.set_up("info")
    keep_little()
    flags = parse(sys.argv[1:] if arguments is None else arguments)
    logs.set_up(flags.log_level)
    if flags.optimize is not Mode.NONE:
        capi.let_onednn_run()
    if flags.optimize is Mode.XLA:
        capi.let_xla_compile()
    opening.begin()
    from tfmodel_runtime.composition import run  # noqa: PLC0415 - takes about as long as the library, so both at once

    return run(flags)


if __name__ == "__main__":
    sys.exit(main())
