"""Writes docs/permissions.md anew: `python -m scripts.permissions`."""

from pathlib import Path

from shared.access import permissions_page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "permissions.md"

if __name__ == "__main__":
    PAGE.write_text(permissions_page(), encoding="utf-8")
