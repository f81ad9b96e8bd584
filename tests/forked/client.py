"""Has the server run a module in this process's place: `client.py ADDRESS MODULE ARGUMENTS`. Quick to start."""

import os
import socket
import sys

with socket.socket(socket.AF_UNIX) as server:
    server.connect(sys.argv[1])
    environment = [f"{name}={text}" for name, text in os.environ.items()]
    arguments = sys.argv[2:]
    folder = os.getcwd()  # noqa: PTH109 - pathlib would take longer to load than all else here
    request = "\0".join([folder, str(len(arguments)), *arguments, *environment]).encode(errors="surrogateescape")
    socket.send_fds(server, [len(request).to_bytes(4)], [0, 1, 2])
    server.sendall(request)
    status = server.recv(1)
sys.exit(status[0] if status else "the server of tests/forked has ended")
