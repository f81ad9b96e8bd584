"""What the vendors' pages say about the resources of infra/: one row for each sentence, with its source and its check.

The Bicep is read by its layout, as in test_settings_everywhere.py; `make infra-check` parses and compiles it.
"""

import re
from collections.abc import Callable

import pytest

from tests.unit.code_and_bicep import INFRA, REFUSED_BY_FLEX, REFUSED_SITE_CONFIG_BY_FLEX, ROOT, bicep, names_in_bicep

CUSTOMER_INSIGHTS = "https://learn.microsoft.com/dynamics365/customer-insights/data"
BLOB_EXPORT = f"{CUSTOMER_INSIGHTS}/export-azure-blob-storage"
SERVICE_PRINCIPAL = f"{CUSTOMER_INSIGHTS}/connect-service-principal"
BLOB_EVENTS = "https://learn.microsoft.com/azure/event-grid/event-schema-blob-storage"
FLEX_REFUSES = "https://github.com/Azure/terraform-azurerm-avm-res-web-site/pull/345"
HOST = (
    "https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity"
)
LOG_ALERTS = "https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-create-log-alert-rule"


def block(text: str, start: str) -> str:
    """From the line that begins with `start` to the one that closes it, at the same depth."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.lstrip().startswith(start))
    indent = len(lines[first]) - len(lines[first].lstrip())
    last = next(
        number
        for number, line in enumerate(lines[first + 1 :], first + 1)
        if re.match(rf"^ {{{indent}}}[\]}}]", line) and not line.rstrip().endswith("{")
    )
    return "\n".join(lines[first : last + 1])


def module(name: str) -> str:
    return block(bicep("main.bicep"), f"module {name} ")


def keys_of(text: str) -> set[str]:
    """The names that are assigned in the text, at any depth."""
    return set(re.findall(r"^ *(\w+): ", text, re.MULTILINE))


def role_is_assigned(file: str, role: str, scope: str) -> bool:
    """True where the file assigns the role, by its number, to Customer Insights on that scope alone."""
    (variable,) = re.findall(rf"^var (\w+) = '{role}'$", bicep(file), re.MULTILINE)
    assigned = [
        text
        for text in re.findall(r"^resource \w+ 'Microsoft.Authorization/.*?^\}", bicep(file), re.MULTILINE | re.DOTALL)
        if f"roleDefinitions', {variable})" in text
    ]
    return [
        (f"scope: {scope}\n" in text, "principalId: customerInsightsPrincipalId\n" in text) for text in assigned
    ] == [(True, True)]


# Customer Insights and the account it writes to


def no_blob_soft_delete() -> bool:
    service = block(bicep("app/segment-storage.bicep"), "resource blobs ")
    return "enabled: false" in block(service, "deleteRetentionPolicy:") and "isVersioningEnabled: true" not in service


def account_is_no_page_blob_account() -> bool:
    return "kind: 'StorageV2'" in block(bicep("app/segment-storage.bicep"), "resource account ")


def account_has_a_hierarchy() -> bool:
    return "isHnsEnabled: true" in block(bicep("app/segment-storage.bicep"), "resource account ")


def private_link_is_alone() -> bool:
    given = module("segmentStorage")
    closed = "publicNetworkAccess: vnetEnabled ? 'Disabled' : 'Enabled'\n" in given
    return closed and "deployerIpAddress" not in given and "ipRules: []" in bicep("app/segment-storage.bicep")


def customer_insights_may_write() -> bool:
    role = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
    return role_is_assigned("app/segment-storage.bicep", role, "blobContainers[i]")


def customer_insights_may_delegate() -> bool:
    return role_is_assigned("app/segment-storage.bicep", "db58b8e5-c6ad-4a2a-8342-4190687cbf4a", "account")


def guide_grants_roles_by_hand() -> bool:
    guide = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    commands = ("az ad sp show --id 0bfc4568-a4ba-4c58-bd3e-5d3e76bd7fff", '"Storage Blob Delegator"')
    return all(command in guide for command in (*commands, '"Storage Blob Data Contributor"'))


# Taking it away


def guide_says(*parts: str) -> Callable[[], bool]:
    """True where the chapter on taking it away has each of these."""

    def check() -> bool:
        chapter = (ROOT / "docs/deploy.md").read_text(encoding="utf-8").split("## Take it away again\n")[1]
        return all(part in chapter for part in parts)

    return check


def guide_looks_past_the_last_deployment() -> bool:
    guide = (ROOT / "docs/operate.md").read_text(encoding="utf-8")
    lines = [line for line in guide.splitlines() if line.startswith("| the app's storage account |")]
    return "`azd provision --no-state` puts roles and rules back" in guide and "azd provision --no-state" in lines[0]


# What each identity must be allowed


def app_has(role: str, scope: str) -> Callable[[], bool]:
    def check() -> bool:
        text = bicep("app/roles.bicep")
        assigned = re.findall(r"^resource \w+ 'Microsoft.Authorization/.*?^\}", text, re.MULTILINE | re.DOTALL)
        wanted = (f"roleDefinitions', {role})", f"scope: {scope}\n", "principalId: identityPrincipalId\n")
        return any(all(part in one for part in wanted) for one in assigned)

    return check


# Flex Consumption


def site_config_has_nothing_refused() -> bool:
    return not keys_of(block(bicep("app/function-app.bicep"), "siteConfig: {")) & REFUSED_SITE_CONFIG_BY_FLEX


def no_setting_is_refused() -> bool:
    return not names_in_bicep() & REFUSED_BY_FLEX


def no_policy_for_ftp() -> bool:
    policies = re.findall(r"basicPublishingCredentialsPolicies@.*?name: '(\w+)'", bicep("app/function-app.bicep"), re.S)
    return policies == ["scm"]


def children_of_the_site_wait_for_each_other() -> bool:
    text = bicep("app/function-app.bicep")
    children = re.findall(r"^resource (\w+) 'Microsoft.Web/sites/", text, re.MULTILINE)
    waits = [block(text, f"resource {child} ") for child in children[1:]]
    return len(children) > 1 and all(
        f"dependsOn: [\n    {before}\n  ]" in wait for before, wait in zip(children, waits, strict=False)
    )


def provider_of_the_subnet_is_registered_first() -> bool:
    delegated = "serviceName: 'Microsoft.App/environments'" in bicep("app/network.bicep")
    before = (ROOT / "azure.yaml").read_text(encoding="utf-8").split("\n  preprovision:")[1].split("\n  postdeploy:")[0]
    script = bicep("scripts/pre_provision.py")
    return delegated and "infra/scripts/pre_provision.py" in before and '"Microsoft.App", "--wait"' in script


# Events


def subscribes_to(event: str) -> Callable[[], bool]:
    return lambda: f"'{event}'" in block(bicep("app/event-subscription.bicep"), "includedEventTypes:")


def filters_let_through(api: str) -> Callable[[], bool]:
    return lambda: f"'{api}'" not in bicep("app/event-subscription.bicep")


def filters_stop(api: str) -> Callable[[], bool]:
    def check() -> bool:
        filters = block(bicep("app/event-subscription.bicep"), "advancedFilters:")
        return f"'{api}'" in filters[filters.index("key: 'data.api'") :] and "operatorType: 'StringNotIn'" in filters

    return check


# Vault, alerts


def purge_protection_is_never_false() -> bool:
    return "enablePurgeProtection: purgeProtection ? true : null\n" in bicep("app/key-vault.bicep")


def row_of_an_absence_is_inside_its_window() -> bool:
    absences = [path.stem for path in (INFRA / "queries").glob("*.kql") if "ago(30m)" in path.read_text("utf-8")]
    windows = [re.search(rf"name: '{name}'.*?window: '(\w+)'", bicep("app/alerts.bicep"), re.S) for name in absences]
    rows_that_are_now = [path for path in (INFRA / "queries").glob("*.kql") if "now()" in path.read_text("utf-8")]
    return {found[1] for found in windows if found} == {"PT1H"} and len(absences) == 2 and not rows_that_are_now


POLICIES: list[tuple[str, str, Callable[[], bool]]] = [
    (
        "If you turned on the soft delete setting for the account, exports will fail.",
        BLOB_EXPORT,
        no_blob_soft_delete,
    ),
    ("Of premium accounts, only block blobs are supported.", BLOB_EXPORT, account_is_no_page_blob_account),
    ("Private Link is only supported if public access is disabled.", BLOB_EXPORT, private_link_is_alone),
    ("The account must have a hierarchical namespace.", SERVICE_PRINCIPAL, account_has_a_hierarchy),
    (
        "To write, the service principal needs Storage Blob Data Contributor on the container …",
        SERVICE_PRINCIPAL,
        customer_insights_may_write,
    ),
    ("… and Storage Blob Delegator on the account.", SERVICE_PRINCIPAL, customer_insights_may_delegate),
    ("On an account that exists, an administrator grants both.", SERVICE_PRINCIPAL, guide_grants_roles_by_hand),
    (
        "With an identity, the host's storage needs Storage Blob Data Owner …",
        HOST,
        app_has("storageBlobDataOwner", "storage"),
    ),
    ("… for queue triggers Storage Queue Data Contributor …", HOST, app_has("storageQueueDataContributor", "storage")),
    (
        "… and for its own tables Storage Table Data Contributor.",
        HOST,
        app_has("storageTableDataContributor", "storage"),
    ),
    (
        "A Key Vault reference is resolved by an identity with Key Vault Secrets User.",
        "https://learn.microsoft.com/azure/app-service/app-service-key-vault-references",
        app_has("keyVaultSecretsUser", "vault"),
    ),
    (
        "Where local authentication is off, telemetry needs Monitoring Metrics Publisher.",
        "https://learn.microsoft.com/azure/azure-monitor/app/azure-ad-authentication",
        app_has("monitoringMetricsPublisher", "applicationInsights"),
    ),
    (
        "These site configuration properties are invalid for Flex Consumption.",
        FLEX_REFUSES,
        site_config_has_nothing_refused,
    ),
    (
        "These app settings are deprecated on Flex Consumption.",
        "https://learn.microsoft.com/azure/azure-functions/functions-app-settings#flex-consumption-plan-deprecations",
        no_setting_is_refused,
    ),
    (
        "A Flex Consumption app has no FTP.",
        "https://learn.microsoft.com/azure/azure-functions/functions-deployment-technologies#deployment-technology-availability",
        no_policy_for_ftp,
    ),
    (
        "Two changes of one site at a time end as 409: another operation is in progress.",
        "https://learn.microsoft.com/azure/azure-resource-manager/templates/resource-dependency",
        children_of_the_site_wait_for_each_other,
    ),
    (
        "The Microsoft.App resource provider must be registered before a subnet is delegated to it.",
        "https://learn.microsoft.com/azure/azure-functions/flex-consumption-how-to#enable-virtual-network-integration",
        provider_of_the_subnet_is_registered_first,
    ),
    ("BlobCreated: a blob is created or replaced.", BLOB_EVENTS, subscribes_to("Microsoft.Storage.BlobCreated")),
    (
        "BlobRenamed: a file is renamed, and its subject is the new name.",
        BLOB_EVENTS,
        subscribes_to("Microsoft.Storage.BlobRenamed"),
    ),
    ("A rename is told with the api RenameFile …", BLOB_EVENTS, filters_let_through("RenameFile")),
    ("… or SftpRename.", BLOB_EVENTS, filters_let_through("SftpRename")),
    ("A whole file is told with FlushWithClose …", BLOB_EVENTS, filters_let_through("FlushWithClose")),
    ("… and an empty one, before its content, with CreateFile …", BLOB_EVENTS, filters_stop("CreateFile")),
    ("… or SftpCreate.", BLOB_EVENTS, filters_stop("SftpCreate")),
    (
        "enablePurgeProtection may be true or absent; false is refused, and true cannot be undone.",
        "https://learn.microsoft.com/azure/templates/microsoft.keyvault/vaults",
        purge_protection_is_never_false,
    ),
    (
        "A vault that is protected cannot be purged: azd passes it over, and its name is free again after 90 days.",
        "https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview#purge-protection",
        guide_says("protected against `--purge`", "az keyvault recover "),
    ),
    (
        "azd down leaves a resource group that the template has not made as it is.",
        "https://github.com/Azure/azure-dev/issues/2916",
        guide_says(
            "az eventgrid system-topic event-subscription delete ",
            "--name segment-export-<AZURE_FUNCTION_APP_NAME>",
            "az eventgrid system-topic delete ",
            "never with --force",
        ),
    ),
    (
        "azd provision does nothing where template and values are those of its last deployment, whatever was deleted.",
        "https://github.com/Azure/azure-dev/issues/8349",
        guide_looks_past_the_last_deployment,
    ),
    (
        "An alert counts the rows whose TimeGenerated is inside its window.",
        LOG_ALERTS,
        row_of_an_absence_is_inside_its_window,
    ),
]


@pytest.mark.parametrize(("sentence", "source", "check"), POLICIES, ids=[sentence for sentence, _, _ in POLICIES])
def test_infrastructure_does_what_the_vendors_page_asks(sentence, source, check):
    assert source.startswith("https://")
    assert check(), f"{sentence} ({source})"
