#!/bin/sh
# Runs the whole-app tests on the real Functions host, Core Tools' `func start`, where it is on the PATH. Arguments go
# to pytest.
set -eu

cd "$(dirname "$0")/.."
if ! command -v func >/dev/null 2>&1; then
    echo "test-host: func is not on the PATH, so nothing was run on the real host. Install Azure Functions Core Tools 4:" \
        "https://learn.microsoft.com/azure/azure-functions/functions-run-local"
    exit 0
fi
echo "test-host: the whole-app tests on func $(func --version)"
exec .venv/bin/python -m pytest tests/whole --core-tools --timeout 300 --durations 10 "$@"
