"""A stand-in for Brevo's API on this machine: same answers, same limits, same quirks, and faults at will."""

from local.brevo_sandbox.digest import digest_of
from local.brevo_sandbox.faults import FaultKind, Faults
from local.brevo_sandbox.sandbox import BrevoSandbox
from local.brevo_sandbox.settings import SandboxSettings

__all__ = ["BrevoSandbox", "FaultKind", "Faults", "SandboxSettings", "digest_of"]
