"""Reads the code's syntax and the text of Bicep."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
INFRA = ROOT / "infra"
TRIGGERS = ("export_trigger", "timer_export", "blob_export", "export_worker")
# Flex Consumption refuses an app with one of these. https://learn.microsoft.com/azure/azure-functions/functions-app-settings
REFUSED_BY_FLEX = {
    "FUNCTIONS_WORKER_RUNTIME",
    "FUNCTIONS_EXTENSION_VERSION",
    "WEBSITE_RUN_FROM_PACKAGE",
    "WEBSITE_CONTENTAZUREFILECONNECTIONSTRING",
    "WEBSITE_CONTENTSHARE",
    "SCM_DO_BUILD_DURING_DEPLOYMENT",
    "ENABLE_ORYX_BUILD",
}
# Of `siteConfig` too: "The following site configuration property … for Flex Consumption sites is invalid" (400,
# extended code 51021). The first six are named in reports, the others by Microsoft's own Terraform module, which leaves
# them out. Old regions ignore them, new ones refuse. https://learn.microsoft.com/answers/questions/2277522
# https://github.com/Azure/azure-functions-host/issues/10643
# https://github.com/Azure/terraform-azurerm-avm-res-web-site/pull/345
REFUSED_SITE_CONFIG_BY_FLEX = {
    "ftpsState",
    "use32BitWorkerProcess",
    "preWarmedInstanceCount",
    "netFrameworkVersion",
    "functionsRuntimeScaleMonitoringEnabled",
    "functionAppScaleLimit",
    "linuxFxVersion",
    "windowsFxVersion",
    "alwaysOn",
    "javaContainer",
    "javaContainerVersion",
    "javaVersion",
    "nodeVersion",
    "phpVersion",
    "powerShellVersion",
    "pythonVersion",
}


def modules() -> Iterator[Path]:
    yield ROOT / "function_app.py"
    for folder in ("shared", *TRIGGERS):
        yield from sorted((ROOT / folder).rglob("*.py"))


@functools.cache
def all_nodes() -> list[ast.AST]:
    return [node for path in modules() for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def nodes[Node: ast.AST](kind: type[Node]) -> Iterator[Node]:
    return (node for node in all_nodes() if isinstance(node, kind))


def constant(node: ast.AST | None) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None


def bicep(name: str) -> str:
    return (INFRA / name).read_text(encoding="utf-8")


def bicep_files() -> list[str]:
    return [str(path.relative_to(INFRA)) for path in sorted(INFRA.rglob("*.bicep"))]


def names_in_bicep() -> set[str]:
    text = bicep("app/function-app.bicep")
    inside = text[text.index("appSettings: concat(") : text.index("// No passwords to deploy with")]
    return set(re.findall(r"^ +name: '(\w+)'", inside, re.MULTILINE))


def parameters() -> dict[str, str]:
    found = re.findall(r"^param (\w+) \w+(?: = (.+))?$", bicep("main.bicep"), re.MULTILINE)
    return dict(found)
