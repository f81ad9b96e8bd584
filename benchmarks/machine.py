"""The machine and the versions that figures depend on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any

_PACKAGES = ("duckdb", "pandas", "pydantic", "brevo-python", "email-validator", "phonenumbers")


def machine() -> dict[str, Any]:
    """For the JSON and the table's head."""
    return {
        "cpu": _cpu_model(),
        "cores": os.process_cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in _PACKAGES},
    }


def machine_text(found: dict[str, Any]) -> str:
    """One or two lines."""
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memory_bytes'] / 1e9:.0f} GB, {found['system']}, "
        f"load {found['load_before']} before\nPython {found['python']}, {versions}"
    )


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
