"""After the code is deployed: secrets, a first configuration, the event subscription; prints the address.

azd runs it as its postdeploy hook, with the deployment's outputs as environment variables. Every step may run again:
what is there is left alone. `az` must be signed in.
"""

import base64
import http.client
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

SECRET = "brevo-api-key"  # noqa: S105 - a name, no secret  # pragma: allowlist secret
WEBHOOK_SECRET = "webhook-secret"  # noqa: S105 - a name, no secret  # pragma: allowlist secret
APP_SECRET = "app-secret"  # noqa: S105 - likewise  # pragma: allowlist secret
TEMPLATE = Path(__file__).parent.parent / "app" / "event-subscription.bicep"
TRIES = 10
WAIT_SECONDS = 30.0

# What passes by itself within minutes, as `az` words it.
NOT_YET = (
    # A role that was assigned a minute ago may not count everywhere yet.
    "required permissions",
    "Forbidden",
    "AuthorizationPermissionMismatch",
    # Event Grid asks Azure Resource Manager for the function, which learns of new functions some time after the host.
    # https://learn.microsoft.com/azure/event-grid/troubleshoot-subscription-validation
    "Destination endpoint not found",
    "Endpoint validation",
    "Url validation",
    "validate the provided endpoint",
    "Supplied URL is invalid",
    "DeploymentActive",
)
# A firewall: waiting does not open it. https://learn.microsoft.com/azure/key-vault/general/rest-error-codes
CLOSED = (
    "network rules",
    "Public network access is disabled",
    "Client address is not authorized",
    "ForbiddenByFirewall",
    "ForbiddenByConnection",
)

# Sends nothing: the connection has no consent yet, and there is no export.
FIRST_CONFIGURATION = {
    "connections": [
        {
            "id": "brevo",
            "type": "brevo",
            "display_name": "Brevo",
            "api_key": {"setting": "BREVO_API_KEY"},
            "available_to": ["administrator"],
            "consent": None,
        }
    ],
    "exports": [],
}

Az = Callable[[Sequence[str]], str]


class StepError(Exception):
    """A step did not work; `advice` says what to do. `may_pass`: it may work in a minute."""

    def __init__(self, text: str, advice: str = "", *, may_pass: bool = False) -> None:
        super().__init__(text)
        self.advice = advice or "See docs/deploy.md for the usual reasons and what to do."
        self.may_pass = may_pass


def az(arguments: Sequence[str]) -> str:
    """What the command prints. Raises StepError with the line that says why not."""
    program = shutil.which("az")
    if program is None:
        raise StepError("The Azure CLI is not installed.", "Install it and sign in with 'az login'.")
    done = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise refusal(arguments, done.stderr)
    return done.stdout.strip()


def refusal(arguments: Sequence[str], output: str) -> StepError:
    """The error for what `az` has written to its standard error."""
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("WARNING")]
    begin = next((number for number, line in enumerate(lines) if line.startswith("ERROR")), 0)
    reason = next((text for line in lines[begin:] if (text := line.removeprefix("ERROR:").strip())), "no reason given")
    text = f"az {' '.join(arguments[:3])}: {reason[:400]}"
    if any(words in output for words in CLOSED):
        return StepError(
            text, "It is closed to this machine: 'azd env set DEPLOYER_IP_ADDRESS <yours>', then 'azd provision'."
        )
    return StepError(text, may_pass=any(words in output for words in NOT_YET))


def patiently(call: Callable[[], str]) -> str:
    """The call's answer; for what may pass by itself it is tried for some minutes. Raises the last StepError."""
    for _ in range(TRIES - 1):
        try:
            return call()
        except StepError as error:
            if not error.may_pass:
                raise
            print(f"  not yet ({str(error)[:160]}); trying again")
            time.sleep(WAIT_SECONDS)
    return call()


def store_key(env: Mapping[str, str], run: Az) -> str:
    """Puts BREVO_API_KEY of this terminal into the key vault, by way of a file that nobody else can read."""
    vault, key = env["AZURE_KEY_VAULT_NAME"], env.get("BREVO_API_KEY", "").strip()
    if not key:
        return (
            f"Brevo key: none in BREVO_API_KEY, so {vault} was left alone. To put one there:\n"
            "    read -rs BREVO_API_KEY && export BREVO_API_KEY && azd hooks run postdeploy; unset BREVO_API_KEY\n"
            "It asks for the key, which then stands in no history and no list of processes."
        )
    if _is_the_playgrounds(env):
        raise StepError(
            f"BREVO_API_KEY is the Brevo sandbox's, from the playground's serve.env: {vault} was left alone.",
            "Open another terminal.",
        )
    _store_secret(env, run, SECRET, key)
    return f"Brevo key: stored in {vault} as {SECRET}."


def _is_the_playgrounds(env: Mapping[str, str]) -> bool:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from local.serve_marks import marked

    return bool(marked(env, ["BREVO_API_KEY"]))


def store_webhook_secret(env: Mapping[str, str], run: Az) -> str:
    """Makes the secret by which systems call the webhook where people sign in; one that is there is never replaced."""
    if not env.get("AUTH_CLIENT_ID"):
        return "Webhook: nobody signs in, so a key lets systems in."
    vault = env["AZURE_KEY_VAULT_NAME"]
    if _is_there(env, run, WEBHOOK_SECRET):
        return f"Webhook: the secret {WEBHOOK_SECRET} is in {vault} and was left alone."
    _store_secret(env, run, WEBHOOK_SECRET, secrets.token_urlsafe(32))
    return f"Webhook: a new secret is stored in {vault} as {WEBHOOK_SECRET}."


def store_app_secret(env: Mapping[str, str], run: Az) -> str:
    """Makes the app's own secret; one that is there is never replaced: what was made with it would be worthless."""
    vault = env["AZURE_KEY_VAULT_NAME"]
    if _is_there(env, run, APP_SECRET):
        return f"App: the secret {APP_SECRET} is in {vault} and was left alone."
    _store_secret(env, run, APP_SECRET, base64.b64encode(secrets.token_bytes(32)).decode())
    return f"App: a new secret is stored in {vault} as {APP_SECRET}."


def _is_there(env: Mapping[str, str], run: Az, name: str) -> bool:
    query = ["--query", f"length([?name=='{name}'])", "--output", "json"]
    where = ["--vault-name", env["AZURE_KEY_VAULT_NAME"], *query, *_subscription(env)]
    return patiently(lambda: run(["keyvault", "secret", "list", *where])) != "0"


def _store_secret(env: Mapping[str, str], run: Az, name: str, value: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "secret"
        path.touch(mode=0o600)
        path.write_text(value, encoding="utf-8")
        vault = env["AZURE_KEY_VAULT_NAME"]
        command = ["keyvault", "secret", "set", "--vault-name", vault, "--name", name, "--file", str(path)]
        patiently(lambda: run([*command, "--encoding", "utf-8", "--output", "none", *_subscription(env)]))


def refresh_references(env: Mapping[str, str], run: Az) -> str:
    """Lets the app look at its secrets in the vault now; by itself it would within a day.

    Also where none was stored just now: a person may have put one there, or this may have failed the last time.
    https://learn.microsoft.com/azure/app-service/app-service-key-vault-references
    """
    url = f"https://management.azure.com{app_id(env)}/config/configreferences/appsettings/refresh"
    patiently(lambda: run(["rest", "--method", "post", "--url", f"{url}?api-version=2022-03-01", "--output", "none"]))
    return f"Secrets: the app reads those of {env['AZURE_KEY_VAULT_NAME']} as they are now."


def write_configuration(env: Mapping[str, str], run: Az) -> str:
    """Writes a first configuration that sends nothing; one that is there is left alone."""
    container, _, name = env["AZURE_CONFIG_BLOB"].partition("/")
    where = ["--account-name", env["AZURE_STORAGE_ACCOUNT_NAME"], "--container-name", container, "--name", name]
    common = ["--auth-mode", "login", *_subscription(env)]
    answer = patiently(
        lambda: run(["storage", "blob", "exists", *where, *common, "--query", "exists", "--output", "json"])
    )
    if answer == "true":
        return f"Configuration: {container}/{name} is there and was left alone."
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "exports.json"
        path.write_text(json.dumps(FIRST_CONFIGURATION, indent=2), encoding="utf-8")
        upload = ["storage", "blob", "upload", *where, *common, "--file", str(path)]
        patiently(
            lambda: run([*upload, "--content-type", "application/json", "--overwrite", "false", "--output", "none"])
        )
    return f"Configuration: a first one is in {container}/{name}. It sends nothing until you change it."


def answers(url: str) -> bool:
    """True where a GET of the address is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 - the deployment's own https address
            return bool(answer.status == 200)
    except (OSError, http.client.HTTPException):
        return False


def wait_for_app(env: Mapping[str, str], run: Az) -> None:
    """Returns when the app answers. A new one needs minutes: its packages are unpacked and its host starts.

    Where it does not answer this machine, its list of functions decides. Raises StepError where that is empty.
    """
    url = f"{env['AZURE_FUNCTION_APP_URL']}/api/health"
    for number in range(TRIES):
        if answers(url):
            return
        if number == 0:
            print(f"  waiting for {url}")
        time.sleep(WAIT_SECONDS)
    functions = f"https://management.azure.com{app_id(env)}/functions?api-version=2024-04-01"
    query = ["--query", "value[].name", "--output", "tsv"]
    if "/blob_export" not in run(["rest", "--method", "get", "--url", functions, *query]):
        raise StepError(
            f"{url} does not answer, and the app shows no functions.",
            "Its start failed: the error is in the portal under Log stream, and in Logs with"
            " 'AppTraces | where SeverityLevel >= 3'. 'azd package --output-path package.zip' shows what was deployed."
            " Then 'azd deploy'.",
        )
    print(f"  {url} does not answer this machine, but the functions are there")


def subscribe(env: Mapping[str, str], run: Az) -> str:
    """Sends new segment files to the function, once the app is up: Event Grid accepts no function before."""
    wait_for_app(env, run)
    command = [
        "deployment", "group", "create",
        "--resource-group", env["AZURE_SEGMENT_RESOURCE_GROUP"],
        "--name", "segment-export-events",
        "--template-file", str(TEMPLATE),
        "--parameters",
        f"systemTopicName={env['AZURE_SYSTEM_TOPIC_NAME']}",
        f"functionAppId={app_id(env)}",
        f"name=segment-export-{env['AZURE_FUNCTION_APP_NAME']}",
        f"containers={env['AZURE_SEGMENT_CONTAINERS']}",
        "--output", "none",
        *_subscription(env),
    ]  # fmt: skip
    patiently(lambda: run(command))
    return f"Events: new files in {env['AZURE_SEGMENT_CONTAINERS']} of {env['AZURE_SEGMENT_ACCOUNT_NAME']} start runs."


def address(env: Mapping[str, str]) -> str:
    """Where the app is, and how to call it."""
    url, name, group = env["AZURE_FUNCTION_APP_URL"], env["AZURE_FUNCTION_APP_NAME"], env["AZURE_RESOURCE_GROUP"]
    lines = [f"The app: {url}/api/health"]
    if env.get("AUTH_CLIENT_ID"):
        lines += [
            f"For systems, {url}/api/webhook: X-Webhook-Secret, and as x-functions-key a key that opens nothing else:",
            f"    az keyvault secret show --vault-name {env['AZURE_KEY_VAULT_NAME']} --name {WEBHOOK_SECRET}"
            " --query value -o tsv",
            f"    az functionapp function keys list -g {group} -n {name} --function-name webhook"
            " --query default -o tsv",
        ]
    else:
        lines += ["Its key:", f"    az functionapp keys list -g {group} -n {name} --query functionKeys.default -o tsv"]
    if outbound := env.get("AZURE_OUTBOUND_IP_ADDRESS"):
        lines.append(f"Add {outbound} to Brevo's authorised addresses (Security > Authorised IPs).")
    return "\n".join(lines)


def app_id(env: Mapping[str, str]) -> str:
    """The resource id of the function app."""
    group, name = env["AZURE_RESOURCE_GROUP"], env["AZURE_FUNCTION_APP_NAME"]
    return f"/subscriptions/{env['AZURE_SUBSCRIPTION_ID']}/resourceGroups/{group}/providers/Microsoft.Web/sites/{name}"


def main(env: Mapping[str, str], run: Az = az) -> int:
    """Takes each step even where another failed. 0 when all went well."""
    failed = 0
    secrets_first = (store_key, store_webhook_secret, store_app_secret, refresh_references)
    for step in (*secrets_first, write_configuration, subscribe):
        try:
            print(step(env, run))
        except KeyError as error:
            print(f"{step.__name__}: {error} is not set; run it by 'azd hooks run postdeploy'", file=sys.stderr)
            failed += 1
        except StepError as error:
            print(f"{step.__name__} failed: {error}", file=sys.stderr)
            print(f"  {error.advice} Then run 'azd hooks run postdeploy'.", file=sys.stderr)
            failed += 1
    if "AZURE_FUNCTION_APP_URL" in env:
        print(address(env))
    return 1 if failed else 0


def _subscription(env: Mapping[str, str]) -> list[str]:
    return ["--subscription", env["AZURE_SUBSCRIPTION_ID"]]


if __name__ == "__main__":
    sys.exit(main(os.environ))
