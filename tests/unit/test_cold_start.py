"""What the app loads before its first request: nothing that only pages need."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ONLY_FOR_PAGES = ("jinja2", "babel", "werkzeug.routing", "export_trigger.pages.site")


def test_pages_and_what_draws_them_are_loaded_with_the_first_page():
    code = "import sys, function_app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "export_trigger.pages.entry" in loaded.split()
    assert [name for name in ONLY_FOR_PAGES if name in loaded.split()] == []
