"""Before a deployment with a network: registers the resource provider that the app's subnet is delegated to.

azd runs it as its preprovision hook, with the environment's values. Azure Resource Manager registers the providers of a
template's resources by itself, but Microsoft.App is only named in a delegation, and without it the network is refused.
https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

REGISTER = ("provider", "register", "--namespace", "Microsoft.App", "--wait")

Az = Callable[[Sequence[str]], str]


def az(arguments: Sequence[str]) -> str:
    """Runs the command; returns why it failed, or nothing."""
    program = shutil.which("az")
    if program is None:
        return "the Azure CLI is not installed"
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if not done.returncode:
        return ""
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("ERROR")), lines[-1] if lines else "no reason was given")


def main(env: Mapping[str, str], run: Az = az) -> int:
    """Always 0: the provider may be registered already, and Azure's own error says so where it is not."""
    if env.get("VNET_ENABLED", "").strip().lower() != "true":
        return 0
    subscription = env.get("AZURE_SUBSCRIPTION_ID", "")
    reason = run([*REGISTER, "--subscription", subscription]) if subscription else "no subscription is chosen yet"
    if reason:
        print(f"Microsoft.App was not registered: {reason}. If the network is refused, run:", file=sys.stderr)
        print(f"    az {' '.join(REGISTER)}", file=sys.stderr)
    else:
        print("Microsoft.App: registered, as the network needs it.")
    return 0


if __name__ == "__main__":
    sys.exit(main(os.environ))
