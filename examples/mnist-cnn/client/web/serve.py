"""Serves this page, a model and TensorFlow.js on a port of this machine: python serve.py FOLDER_OF_MODEL_JSON [PORT].

TensorFlow.js is where hack/setup/tfjs.sh puts it; on a web site, take @tensorflow/tfjs-core, -converter and -backend-cpu of npm, or
@tensorflow/tfjs, which brings backends for graphics cards.
"""

import sys
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

PAGE = Path(__file__).parent


class Handler(SimpleHTTPRequestHandler):
    """Files of three folders; nothing else is in reach."""

    folders = MappingProxyType({"": PAGE, "tfjs": Path(sys.prefix) / "share" / "tfjs"})

    def translate_path(self, path):
        parts = super().translate_path(path).removeprefix(self.directory).strip("/").split("/")
        if len(parts) == 2 and parts[0] in self.folders:
            return str(self.folders[parts[0]] / parts[1])
        return str(self.folders[""] / parts[0])


def serve(model, port=0, handler=Handler):
    """A server of the page for the model in the folder."""
    made = type("Serving", (handler,), {"folders": {**handler.folders, "model": Path(model)}})
    return ThreadingHTTPServer(("127.0.0.1", port), made)


def main(model, port="8080"):
    server = serve(model, int(port))
    print(f"http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main(*sys.argv[1:])
