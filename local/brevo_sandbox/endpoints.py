"""All of the vendor's endpoints: importing this registers them, and `find` looks one up."""

from local.brevo_sandbox import endpoints_account, endpoints_contacts, endpoints_imports, endpoints_lists
from local.brevo_sandbox.routing import find

__all__ = ["endpoints_account", "endpoints_contacts", "endpoints_imports", "endpoints_lists", "find"]
