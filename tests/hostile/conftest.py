"""The story of tests/faults, for hostile inputs."""

from tests.faults.conftest import _no_waiting_between_tries, make_story, sandbox, story

__all__ = ["_no_waiting_between_tries", "make_story", "sandbox", "story"]
