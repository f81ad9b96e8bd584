"""Has the server run a module in this process's place: `client.py ADDRESS MODULE ARGUMENTS`. Quick to start."""

import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    environment = [f"{name}={text}" for name, text in os.environ.items()]
    arguments = sys.argv[2:]
    folder = os.getcwd()  # noqa: PTH109 - pathlib would take longer to load than all else here
    request = "\0".join([folder, str(len(arguments)), *arguments, *environment]).encode(errors="surrogateescape")
    socket.send_fds(server, [len(request).to_bytes(4)], [0, 1, 2])
    server.sendall(request)
    for each in PASSED_ON:
        signal.signal(each, lambda number, _: server.sendall(bytes([number])))
    status = server.recv(1)
if not status:
    sys.exit("the server of tests/forked has ended")
if status[0] > 128:  # a signal ended it, and the parent of this process must see which
    if status[0] - 128 in PASSED_ON:
        signal.signal(status[0] - 128, signal.SIG_DFL)
    os.kill(os.getpid(), status[0] - 128)
sys.exit(status[0])
