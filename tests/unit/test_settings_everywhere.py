"""Every setting, once: the code, Bicep, the example for this machine and docs/configure.md have the same set.

Likewise the parameters of infra/; its roles are in test_roles_and_storage.py, alerts in test_alerts.py. Bicep is read
by its layout here; `make infra-check` parses it.
"""

import ast
import json
import re

import pytest

from shared.settings import read_settings
from tests.unit.code_and_bicep import (
    INFRA,
    REFUSED_BY_FLEX,
    REFUSED_SITE_CONFIG_BY_FLEX,
    ROOT,
    bicep,
    bicep_files,
    constant,
    names_in_bicep,
    nodes,
    parameters,
)

# In the code, but no setting of ours: Azure says the first two, the terminal the next three; the last is for a library.
NOT_OURS = {"WEBSITE_HOSTNAME", "WEBSITE_AUTH_ENABLED", "USER", "TZ", "NO_COLOR", "OPENBLAS_NUM_THREADS"}
# OpenTelemetry's and Azure Monitor's, which their libraries read: our code looks whether they are there.
TELEMETRY = {
    "OTEL_SDK_DISABLED",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_BSP_SCHEDULE_DELAY",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
}
# Settings that the host or an SDK reads, and the app's own code never.
HOSTS_IN_AZURE = {
    "AzureWebJobsStorage__credential",
    "AzureWebJobsStorage__clientId",
    "AZURE_CLIENT_ID",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
}
HOSTS_ON_THIS_MACHINE = {"FUNCTIONS_WORKER_RUNTIME"}


def is_environment(node: ast.AST) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in ("env", "environ", "environment")


def settings_in_code() -> set[str]:
    """`env.get(X)`, `env[X]`, `helper(env, X)`, `os.getenv(X)`, `read_secret(X)`, a connection, `%X%`, a key."""
    found: set[str | None] = set()
    for call in nodes(ast.Call):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        if isinstance(call.func, ast.Attribute) and is_environment(call.func.value):
            found.add(constant(call.args[0]) if call.args else None)
        elif name == "getenv":
            found.add(constant(call.args[0]))
        elif len(call.args) > 1 and is_environment(call.args[0]):
            found.add(constant(call.args[1]))
        elif isinstance(call.func, ast.Name) and call.func.id == "read_secret":
            found.add(constant(call.args[0]))
        found |= {constant(word.value) for word in call.keywords if word.arg == "connection"}
    found |= {constant(node.slice) for node in nodes(ast.Subscript) if is_environment(node.value)}
    for node in nodes(ast.Constant):
        if isinstance(node.value, str):
            found |= set(re.findall(r"^%([A-Z_]+)%$", node.value))
    document = json.loads((ROOT / "config/exports.json").read_text(encoding="utf-8"))
    found |= {connection["api_key"]["setting"] for connection in document["connections"]}
    return {name for name in found if name} - NOT_OURS - TELEMETRY


def base(names: set[str]) -> set[str]:
    return {name.removesuffix("__accountName") for name in names}


def settings_in_guide() -> dict[str, str]:
    """Each row of the table: the names of its first cell, with the default of its last."""
    text = (ROOT / "docs/configure.md").read_text(encoding="utf-8")
    table = text[text.index("| setting | what it is | default |") :].split("\n\n")[0]
    found = {}
    for line in table.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        for name in re.findall(r"`(\w+)`", cells[0]):
            found[name] = cells[2].strip("`")
    return found


def example() -> dict[str, str]:
    return json.loads((ROOT / "local.settings.json.example").read_text(encoding="utf-8"))["Values"]


# Settings


def test_code_reads_its_settings_where_this_test_can_see_them():
    some = {"AzureWebJobsStorage", "SEGMENT_STORAGE", "EXPORT_SCHEDULE", "BREVO_API_KEY", "WEBHOOK_SECRET"}
    assert some <= settings_in_code()


def test_bicep_has_the_settings_of_the_code_and_no_others():
    assert base(names_in_bicep() - HOSTS_IN_AZURE) == settings_in_code()
    assert names_in_bicep() >= HOSTS_IN_AZURE


def test_example_for_this_machine_has_the_settings_of_the_code_and_no_others():
    assert base(set(example()) - HOSTS_ON_THIS_MACHINE) == settings_in_code()


def test_readme_has_the_settings_of_the_code_and_no_others():
    assert base(set(settings_in_guide())) == settings_in_code()


def test_operators_guide_tells_the_settings_of_telemetry():
    told = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    assert {name for name in TELEMETRY if f"`{name}`" in told} == TELEMETRY


def test_app_on_flex_consumption_has_no_setting_that_it_refuses():
    assert not names_in_bicep() & REFUSED_BY_FLEX


def test_app_on_flex_consumption_has_no_site_property_that_it_refuses():
    text = bicep("app/function-app.bicep")
    properties = re.findall(r"^      (\w+): ", text[text.index("siteConfig: {") :].split("\n    }\n")[0], re.MULTILINE)
    assert "minTlsVersion" in properties
    assert not set(properties) & REFUSED_SITE_CONFIG_BY_FLEX


def test_no_setting_in_bicep_holds_a_storage_key():
    assert "AzureWebJobsStorage" not in names_in_bicep()
    assert not re.search(r"listKeys|AccountKey=|SharedAccessSignature", "".join(map(bicep, bicep_files())))


@pytest.mark.parametrize(
    ("setting", "parameter", "value"),
    [
        ("EXPORT_CONFIG", "exportConfig", read_settings({}).export_config),
        ("BREVO_BASE_URL", "brevoBaseUrl", read_settings({}).brevo_base_url),
        ("SNAPSHOT_QUIET_SECONDS", "snapshotQuietSeconds", f"{read_settings({}).snapshot_quiet_seconds:g}"),
        ("SNAPSHOT_COMPLETE_HOURS", "snapshotCompleteHours", f"{read_settings({}).snapshot_complete_hours:g}"),
        ("EXPORT_SCHEDULE", "exportSchedule", "0 */5 * * * *"),
    ],
)
def test_default_of_a_setting_is_the_same_everywhere(setting, parameter, value):
    assert settings_in_guide()[setting] == value
    assert example()[setting] == value
    assert parameters()[parameter].strip("'") == value
    assert f"${{{setting}={value}}}" == parameter_values()[parameter]


# Parameters and outputs


def parameter_values() -> dict[str, str]:
    found = json.loads(bicep("main.parameters.json"))["parameters"]
    return {name: entry["value"] for name, entry in found.items()}


def test_each_parameter_is_described_can_be_set_by_azd_and_is_in_the_readme():
    readme = bicep("README.md")
    assert set(parameter_values()) == set(parameters())
    for name, value in parameter_values().items():
        assert re.search(
            rf"@description\('.+'\)\n(?:@.+\n|  .+\n|\}}\)\n|\]\)\n)*param {name} ", bicep("main.bicep")
        ), name
        variable = re.fullmatch(r"\$\{(\w+)(?:=(.*))?\}", value)
        assert variable, name
        assert f"`{variable[1]}`" in readme, name
        if parameters()[name]:
            assert (variable[2] or "") == parameters()[name].strip("'"), name


def test_no_output_has_the_name_of_a_parameters_value():
    outputs = re.findall(r"^output (\w+) ", bicep("main.bicep"), re.MULTILINE)
    values = {re.fullmatch(r"\$\{(\w+).*\}", value)[1] for value in parameter_values().values()}
    # The group's name is the same after as before, so reading it back changes nothing.
    assert set(outputs) & values == {"AZURE_RESOURCE_GROUP"}


def test_hook_reads_only_what_the_deployment_puts_out():
    outputs = set(re.findall(r"^output (\w+) ", bicep("main.bicep"), re.MULTILINE))
    read = set(re.findall(r"AZURE_\w+", (INFRA / "scripts/post_deploy.py").read_text(encoding="utf-8")))
    assert read - {"AZURE_SUBSCRIPTION_ID"} <= outputs
