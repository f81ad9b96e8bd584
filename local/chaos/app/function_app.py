"""The product's own app, with bodies so small and waits so short that chaos fits into minutes.

The environment says how: CHAOS_BODY_BYTES (product: 8,000,000), CHAOS_TIME_FACTOR, which divides every grace period
(the host's leases are divided by the same), and CHAOS_FOLDER, where `watching` notes each step and looks for crashes
that are wanted. A setting `<account>_BASE_URL` sends that account's calls to a sandbox of its own: an app has one
BREVO_BASE_URL, and a sandbox is one account.
"""

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

if "shared.runs" in sys.modules:
    raise ImportError("chaos needs a worker that has loaded nothing of the product: it changes modules first")

from shared import app as composition
from shared.app import App
from shared.brevo import body
from shared.brevo.client import BrevoClient
from shared.brevo.download import may_follow
from shared.brevo.reports import read_report
from shared.brevo.session import BrevoSession
from shared.runs.graces import Graces
from shared.settings import read_secret

REPOSITORY = Path(__file__).resolve().parents[3]


def _number(name: str, default: float) -> float:
    return float(os.environ.get(name) or default)


composition.GRACES = Graces().scaled(1 / _number("CHAOS_TIME_FACTOR", 1))
body.LARGEST_BODY_BYTES = int(_number("CHAOS_BODY_BYTES", body.LARGEST_BODY_BYTES))


def _brevo(self: App, key_setting: str, still_wanted: Callable[[], object] = bool) -> BrevoClient:
    base_url = os.environ.get(f"{key_setting}_BASE_URL") or self.settings.brevo_base_url
    pace = self.pace(key_setting)
    return BrevoClient(BrevoSession(base_url, read_secret(key_setting), pace, still_wanted=still_wanted))


def _read_report(url: str, base_url: str, seconds: float, largest_bytes: int) -> Iterator[list[str]]:
    """A report lies on its own account's host, which only the product's real setting would name."""
    bases = [value for name, value in os.environ.items() if name.endswith("_BASE_URL")]
    return read_report(url, next((base for base in bases if may_follow(url, base)), base_url), seconds, largest_bytes)


App.brevo = _brevo  # type: ignore[method-assign]

from local.chaos import watching  # noqa: E402
from shared.brevo import rejections  # noqa: E402

setattr(rejections, "read_report", _read_report)  # noqa: B010 - a name that it imports

watching.install(Path(os.environ["CHAOS_FOLDER"]))

_specification = importlib.util.spec_from_file_location("product_function_app", REPOSITORY / "function_app.py")
if _specification is None or _specification.loader is None:
    raise ImportError("the product's function_app.py is missing")
_product = importlib.util.module_from_spec(_specification)
sys.modules["product_function_app"] = _product
_specification.loader.exec_module(_product)

app = _product.app
