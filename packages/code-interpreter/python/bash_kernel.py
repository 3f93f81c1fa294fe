"""The Bash kernel: one Bash that lives as long as the context, its output and errors apart.

Started by the server as `bash_kernel.py -f <connection file>`.
"""

import os
import secrets
import selectors
import subprocess
import tempfile

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel

# Reads names of files on descriptor 3 and runs each in itself. An interrupt ends what runs, not the shell.
DRIVER = r"""
trap 'return 130 2>/dev/null' INT
while IFS= read -r -u 3 __sandlot_file; do
  source "$__sandlot_file" 3<&- </dev/null
  __sandlot_status=$?
  printf '\036%s:%d\036' "$__SANDLOT_MARK" "$__sandlot_status"
  printf '\036%s:%d\036' "$__SANDLOT_MARK" "$__sandlot_status" >&2
done
"""


class Shell:
    """The process, and what it has said since the last command ended."""

    def __init__(self):
        self.mark = secrets.token_hex(16)
        reader, self.commands = os.pipe()
        self.process = subprocess.Popen(
            ["/bin/bash", "--norc", "-c", f"__SANDLOT_MARK={self.mark}\n{DRIVER}"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=lambda: os.dup2(reader, 3),
            close_fds=False,
        )
        os.close(reader)
        os.set_inheritable(self.commands, False)
        self.tail = f"\x1e{self.mark}:".encode()

    def start(self, path):
        os.write(self.commands, path.encode() + b"\n")

    def output(self):
        """Yields (stream, bytes) and at last (None, exit status); the status is None when the shell itself has ended."""
        held = {"stdout": b"", "stderr": b""}
        ends = {}
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ, "stdout")
            selector.register(self.process.stderr, selectors.EVENT_READ, "stderr")
            while len(ends) < 2:
                for key, _ in selector.select():
                    name = key.data
                    chunk = os.read(key.fd, 65536)
                    if chunk == b"":
                        yield name, held[name]
                        held[name] = b""
                        ends[name] = None
                        selector.unregister(key.fileobj)
                        continue
                    text, held[name], status = self.split(held[name] + chunk)
                    if text:
                        yield name, text
                    if status is not None:
                        ends[name] = status
                        selector.unregister(key.fileobj)
        yield None, ends["stdout"]

    def split(self, data):
        """What can be shown, what may be the beginning of the mark or of a character, and the status behind the mark."""
        at = data.find(self.tail)
        if at >= 0:
            rest = data[at + len(self.tail) :]
            end = rest.find(b"\x1e")
            if end < 0:
                return data[:at], data[at:], None
            return data[:at], b"", int(rest[:end])
        keep = data.rfind(b"\x1e", -len(self.tail) - 1) if len(data) > len(self.tail) else data.rfind(b"\x1e")
        cut = keep if keep >= 0 else whole_characters(data)
        return data[:cut], data[cut:], None


def whole_characters(data):
    """Up to where the bytes are whole characters of UTF-8."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        wanted = 4 if byte >= 0xF0 else 3 if byte >= 0xE0 else 2 if byte >= 0xC0 else 1
        return len(data) - back if wanted > back else len(data)
    return len(data)


class BashKernel(Kernel):
    implementation = "sandlot-bash"
    implementation_version = "1"
    language = "bash"
    language_version = "5"
    language_info = {"name": "bash", "mimetype": "text/x-sh", "file_extension": ".sh"}
    banner = ""
    shell = None

    def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False, **_):
        if self.shell is None or self.shell.process.poll() is not None:
            self.shell = Shell()
        with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as file:
            file.write(code + "\n")
        try:
            self.shell.start(file.name)
            status, was_interrupted = self.relay(silent)
        finally:
            os.unlink(file.name)
        if status == 0 and not was_interrupted:
            return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}
        return self.failed(status, was_interrupted, silent)

    def relay(self, silent):
        status, was_interrupted = 0, False
        said = self.shell.output()
        while True:
            try:
                name, data = next(said)
            except StopIteration:
                return status, was_interrupted
            except KeyboardInterrupt:
                # The shell has it too: what it still says belongs to this command.
                was_interrupted = True
                said = self.shell.output()
                continue
            if name is None:
                status = data
            elif not silent and data:
                content = {"name": name, "text": data.decode("utf-8", "replace")}
                self.send_response(self.iopub_socket, "stream", content)

    def failed(self, status, was_interrupted, silent):
        if status is None:
            self.shell.process.wait()
            status = self.shell.process.returncode
            self.shell = None
            if status == 0 and not was_interrupted:
                return {"status": "ok", "execution_count": self.execution_count, "payload": [], "user_expressions": {}}
        name = "KeyboardInterrupt" if was_interrupted else "ExitError"
        content = {"ename": name, "evalue": f"exit status {status}", "traceback": []}
        if not silent:
            self.send_response(self.iopub_socket, "error", content)
        return {"status": "error", "execution_count": self.execution_count, **content}


if __name__ == "__main__":
    IPKernelApp.launch_instance(kernel_class=BashKernel)
