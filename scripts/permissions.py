"""Writes docs/permissions.md again, from the rules in the code: `python -m scripts.permissions`."""

from pathlib import Path

from shared.access import ROLES, RULES, may

PAGE = Path(__file__).resolve().parents[1] / "docs" / "permissions.md"

_PAGE = """\
# Who may do what

Made from `shared/access.py` by `python -m scripts.permissions`; a test fails when the two differ.

*Not shared*: the connection concerned is not available to the role (`available_to` in the connection). A detached
export has no connection, so nothing keeps a contributor from it.

{table}

## Where a role comes from

- **The platform's authentication is on** (App Service Authentication, which sets `WEBSITE_AUTH_ENABLED` to `True`): the
  signed-in user's app roles decide, named `administrator`, `contributor` and `viewer` in the app registration. Who has
  several has the most powerful one; who has none may do nothing. A request without a signed-in user gets 401, whatever
  key it has. The webhook, which is for systems, also takes the secret of the setting `WEBHOOK_SECRET`, as the header
  `X-Webhook-Secret`. It then starts exports with the schedule `with_refresh` only.
- **It is off**: anyone with the host key or a function's key is an administrator. The header
  `X-MS-CLIENT-PRINCIPAL` is ignored then, since anyone can send it. Give keys to systems and administrators only.
- **The terminal** is an administrator: who can read the app's settings can do everything anyway.

The API asks for function keys in each case; the platform's authentication comes on top. The [pages](pages.md) ask for
no key, and show nothing where it is off.

The audit trail names a signed-in user by the directory's object id, a key as `function key`, the webhook's secret as
`webhook secret`, and a terminal by the machine's user name.
"""


def permissions_page() -> str:
    """The text of docs/permissions.md."""
    head = ["operation", *(f"{role}{where}" for role in ROLES for where in ("", ", not shared"))]
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for operation, rule in RULES.items():
        cells = ["yes" if may(role, operation, shared=shared) else "no" for role in ROLES for shared in (True, False)]
        lines.append(f"| {rule.words} | {' | '.join(cells)} |")
    return _PAGE.format(table="\n".join(lines))


if __name__ == "__main__":
    PAGE.write_text(permissions_page(), encoding="utf-8")
