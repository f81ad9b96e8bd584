"""Each code of an error that people or programs may meet is documented, and each that the documents name is one."""

import re
from pathlib import Path

from export_trigger.answers import STATUS
from scripts.errors import errors_page

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def codes_of(page: str) -> set[str]:
    return set(re.findall(r"^\| `([a-z_]+)` \|", page, re.MULTILINE))


def test_page_of_error_codes_is_up_to_date():
    page = errors_page()
    assert (ROOT / "docs" / "errors.md").read_text(encoding="utf-8") == page, "run python -m scripts.errors"
    assert len(codes_of(page)) > 110


def test_each_code_that_the_api_has_a_status_for_is_documented():
    assert STATUS.keys() - codes_of(errors_page()) == set()


def test_each_code_of_a_branch_in_the_code_is_one_that_is_raised():
    codes, found = codes_of(errors_page()), set()
    for path in sorted((ROOT / "shared").rglob("*.py")):
        found |= set(re.findall(r'\bcode [=!]= "(\w+)"', path.read_text(encoding="utf-8")))
    assert found - codes == set()
    assert found


def test_each_code_that_a_document_says_a_run_fails_with_is_one_that_is_raised():
    codes, named = codes_of(errors_page()), set()
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        named |= set(re.findall(r"`failed`(?: or the command's error)?, `(\w+)`", text))
        named |= set(re.findall(r"the code is `(\w+)`", text)) | set(re.findall(r"`(guard_\w+)`", text))
    assert named - codes == set()
    assert len(named) > 18
