"""A host for function apps on one machine, on Microsoft's own Python worker library.

Start it by `python -m local.functions_host`, or from a test:

    with FunctionsHost(app="tests/host/toy_app", environment={...}) as host:
        requests.get(f"{host.url}/api/hello", headers={"x-functions-key": host.key})
"""

from local.functions_host.running import FunctionsHost, HostNotReadyError

__all__ = ["FunctionsHost", "HostNotReadyError"]
