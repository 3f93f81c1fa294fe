"""The Python kernel: IPython's, with what clients expect of tables, figures and pictures.

Started by the server as `kernel.py -f <connection file>`. Heavy libraries are loaded only when code loads them.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from ipykernel.kernelapp import IPKernelApp  # noqa: E402
from sandlot_kernel import formats, streams  # noqa: E402


def main():
    app = IPKernelApp.instance()
    # A database on disk, written by a thread of its own: after a snapshot it is another file, and SQLite complains into the output.
    app.config.HistoryManager.enabled = False
    app.initialize(sys.argv[1:])
    # What this program put there is not for the code's imports.
    sys.path.pop(0)
    sys.path.insert(0, "")
    formats.install(app.shell)
    streams.install()
    app.start()


if __name__ == "__main__":
    main()
