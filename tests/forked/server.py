"""Loads the product, then forks a process for each request of `client.py`. Ends with its standard input."""

import gc
import os
import runpy
import select
import signal
import socket
import sys
import threading
from contextlib import suppress

# Loaded once for all. The engine is not: frozen, it would complain at the end of each process.
import email_validator  # noqa: F401
import phonenumbers  # noqa: F401

import export_worker.blueprint  # noqa: F401
from local.functions_host import host  # noqa: F401
from local.functions_host import worker as host_worker  # noqa: F401
from shared import app, cli  # noqa: F401
from shared.administration import running  # noqa: F401
from shared.operating import doctor, forgetting, pruning, replaying, worker  # noqa: F401
from shared.staging import preview  # noqa: F401


def serve(address: str) -> list[str] | None:
    """Returns the module and its arguments in each forked process, and None at the end of standard input."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(address)
        server.listen(20)
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        while server in select.select([server, sys.stdin], [], [])[0]:
            connection, _ = server.accept()
            with connection:
                if not os.fork():
                    return _forked(connection)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG) != (0, 0):
                    """Those who have waited for earlier programs."""
    return None


def _forked(connection: socket.socket) -> list[str]:
    """Returns in the process of the program. The one between waits for it and passes its exit status on."""
    size, files, _, _ = socket.recv_fds(connection, 4, 3)
    request = b""
    while len(request) < int.from_bytes(size):
        request += connection.recv(65_536)
    if program := os.fork():
        threading.Thread(target=_pass_signals_on, args=(connection, program), daemon=True).start()
        status = os.waitstatus_to_exitcode(os.waitpid(program, 0)[1])
        with suppress(OSError):  # the client was killed
            connection.sendall(bytes([status if status >= 0 else 128 - status]))
        os._exit(0)
    connection.close()
    folder, count, *texts = request.decode(errors="surrogateescape").split("\0")
    os.chdir(folder)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(text.split("=", 1) for text in texts[int(count) :])
    return texts[: int(count)]


def _pass_signals_on(connection: socket.socket, program: int) -> None:
    """A client that is killed, as after a timeout, takes its program along."""
    with suppress(OSError):
        while signals := connection.recv(16):
            for number in signals:
                os.kill(program, number)
        os.kill(program, signal.SIGKILL)


if __name__ == "__main__":
    assert threading.active_count() == 1, "a forked process would lack what the other threads hold"
    gc.collect()
    gc.freeze()  # a collection in a forked process would copy what it only looks at
    if todo := serve(sys.argv[1]):
        module, *sys.argv[1:] = todo
        sys.modules.pop(module, None)  # loaded by others; runs once more as the main module
        runpy.run_module(module, run_name="__main__", alter_sys=True)
