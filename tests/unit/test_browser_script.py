"""scripts/browser.sh says what it did, and why not; what it installs with is played."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts/browser.sh"
NEEDED = ("sh", "id", "mktemp", "rm", "grep", "tail", "chmod")
IT_WORKS = (
    '#!/bin/sh\n[ "$1" != install ] || { printf "#!/bin/sh\\n" > "${0%/*}/chromium"; chmod +x "${0%/*}/chromium"; }\n'
)
NO_NETWORK = '#!/bin/sh\necho "W: slow"\necho "E: no network"\nexit 100\n'


@pytest.fixture
def run(tmp_path):
    """Runs it with these programs, and what every machine has."""

    def ran(*arguments, **programs):
        for name in NEEDED:
            found = next(path for path in (Path(f"/bin/{name}"), Path(f"/usr/bin/{name}")) if path.exists())
            (tmp_path / name).symlink_to(found)
        for name, text in {"id": "#!/bin/sh\necho 0\n", **programs}.items():
            path = tmp_path / name.replace("_", "-")
            path.unlink(missing_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        done = subprocess.run(
            ["/bin/sh", str(SCRIPT), *arguments],
            env={"PATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=30,
        )
        return done.returncode, done.stdout.replace(f"{tmp_path}{os.sep}", ""), done.stderr

    return ran


def test_browser_that_is_there_is_taken(run):
    assert run("--must", google_chrome="#!/bin/sh\n") == (0, "browser: google-chrome is there\n", "")


def test_browser_is_installed_where_there_is_none(run):
    assert run("--must", apt_get=IT_WORKS) == (0, "browser: installed chromium\n", "")


@pytest.mark.parametrize(
    ("programs", "why"),
    [
        ({"id": "#!/bin/sh\necho 1000\n"}, "only root may install it"),
        ({}, "there is no apt-get to install it with"),
        ({"apt_get": NO_NETWORK}, "apt-get failed: E: no network"),
        ({"apt_get": "#!/bin/sh\n", "chromium_browser": "#!/bin/sh\nexit 1\n"}, "installed none that starts"),
    ],
)
@pytest.mark.parametrize(("arguments", "status"), [((), 0), (("--must",), 1)])
def test_where_it_cannot_be_installed_the_reason_is_said(run, arguments, status, programs, why):
    found = run(*arguments, **programs)
    assert found[:2] == (status, "")
    assert found[2].startswith("browser: no Chromium, so the pages are not tested in one: ")
    assert why in found[2]
