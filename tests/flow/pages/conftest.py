"""The pages over storage in memory and the Brevo sandbox."""

from tests.flow.pages.browsing import browser  # noqa: F401 - a fixture of this folder's tests
