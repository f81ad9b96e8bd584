#!/bin/sh
# Parses, compiles and scans infra/, and compares it with the code and with what the vendors' pages ask. Bicep's own
# compiler is not among the Python packages: scripts/bicep-check.sh uses it where it is installed.
# checkov is heavy and needed nowhere else, so it has an environment of its own, made the first time.
set -eu
cd "$(dirname "$0")/.."
env=.venv-infra
packages="checkov==3.3.30 pycep-parser==0.5.1"

if [ "$(cat "$env/packages.stamp" 2>/dev/null)" != "$packages" ]; then
    echo "infra-check: installing $packages into $env, once"
    .venv/bin/python -m venv --clear "$env"
    # shellcheck disable=SC2086 # two words are two packages
    "$env/bin/python" -m pip install --quiet --disable-pip-version-check --no-input $packages
    echo "$packages" >"$env/packages.stamp"
fi

echo "infra-check: every Bicep file parses (pycep-parser)"
"$env/bin/python" - infra/*.bicep infra/app/*.bicep <<'PYTHON'
import sys
from pathlib import Path

import pycep

faults = 0
for name in sys.argv[1:]:
    try:
        pycep.BicepParser().parse(file_path=Path(name))
    except Exception as error:
        print(f"{name}: {error}", file=sys.stderr)
        faults += 1
sys.exit(faults > 0)
PYTHON

echo "infra-check: every Bicep file compiles (bicep)"
scripts/bicep-check.sh

echo "infra-check: no careless resource (checkov)"
LOG_LEVEL=ERROR "$env/bin/checkov" --directory infra --framework bicep secrets --compact --quiet --skip-download

echo "infra-check: settings, roles and alerts are the code's, and all is as the vendors' pages ask"
.venv/bin/python -m pytest -q tests/unit/test_settings_everywhere.py tests/unit/test_roles_and_storage.py \
    tests/unit/test_alerts.py tests/unit/test_vendor_policies*.py
echo "infra-check: passed"
