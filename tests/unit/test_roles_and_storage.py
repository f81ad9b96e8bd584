"""Every role, container, queue and table of infra/ is one that the code needs, and the code has no other."""

import ast
import re
from pathlib import Path

from shared.administration.stored_segments import OWN_CONTAINERS
from tests.unit.code_and_bicep import ROOT, bicep, bicep_files, constant, nodes

# Roles


def assignments() -> list[tuple[str, str, list[tuple[str, str]]]]:
    """(file, the assignment's text, [(module, word)]) of each role assignment; for another system (its page, "")."""
    found = []
    for name in bicep_files():
        for match in re.finditer(
            r"((?:^//.*\n)*)^resource \w+ 'Microsoft.Authorization/[^\n]+\n(?:.*\n)*?^\}", bicep(name), re.M
        ):
            needs = re.findall(r"^// needed-by: (\S+)(?: (\w+))?$", match[1], re.MULTILINE)
            found.append((name, match[0], needs))
    return found


def words_of(path: Path) -> set[str]:
    """The names that a module uses or defines; of another file, its words."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        return set(re.findall(r"\w+", text))
    found = set()
    for node in ast.walk(ast.parse(text)):
        found |= {getattr(node, "id", ""), getattr(node, "attr", "")}
        if isinstance(node, ast.alias | ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
    return found


def test_each_role_assignment_names_the_call_that_needs_it():
    assert len(assignments()) == sum(text.count("roleAssignments@") for text in map(bicep, bicep_files()))
    for file, text, needs in assignments():
        assert needs, f"{file}: {text}"
        for module, word in needs:
            if "principalId: customerInsightsPrincipalId" in text:
                assert (module.startswith("https://learn.microsoft.com/"), word) == (True, "")
                continue
            assert (ROOT / module).is_file(), module
            assert word in words_of(ROOT / module), f"{module} does not use {word}"


def test_each_azure_client_of_the_code_has_its_role():
    needed = {word: text for _, text, needs in assignments() for _, word in needs}
    clients = {
        alias.name
        for node in nodes(ast.ImportFrom)
        if (node.module or "").startswith("azure.") and node.module != "azure.functions"
        for alias in node.names
        if alias.name.endswith("ServiceClient")
    }
    assert clients == {"BlobServiceClient", "QueueServiceClient", "TableServiceClient"}
    for client in clients:
        kind = client.removesuffix("ServiceClient")
        assert any(f"storage{kind}Data" in text for word, text in needed.items() if word == client), client


def test_segments_are_only_read_and_only_in_their_containers():
    (found,) = [text for file, text, _ in assignments() if file == "app/segments.bicep"]
    assert "storageBlobDataReader" in found
    assert "scope: segmentContainers[i]" in found
    written = {"write", "delete_below", "delete_all", "create_container"}
    for path in (ROOT / "shared/segments").glob("*.py"):
        assert not written & words_of(path), path


def test_no_assignment_is_a_role_over_resources_themselves():
    # Owner, Contributor, User Access Administrator
    too_much = ("8e3af657", "b24988ac", "18d7d88d")
    assert not [word for text in map(bicep, bicep_files()) for word in too_much if word in text]


# What is made beforehand


def test_storage_has_the_containers_queues_and_tables_of_the_code():
    text = bicep("app/storage.bicep")

    def made(kind: str) -> set[str]:
        return set(re.findall(r"'([\w-]+)'", text[text.index(f"var {kind} = [") :].split("]")[0]))

    assigned = {
        target.id: constant(node.value)
        for node in nodes(ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    ours = ("STAGED", "REJECTED", "LEAVERS", "LEDGERS", "UNDO")
    assert made("containers") == {assigned[name] for name in ours} == set(OWN_CONTAINERS)
    triggers = {constant(word.value) for call in nodes(ast.Call) for word in call.keywords if word.arg == "queue_name"}
    queues = {assigned["QUEUE"], assigned["NOTICES"]}
    assert made("queues") == queues | {f"{queue}-poison" for queue in queues} == triggers
    tables = {
        constant(call.args[0])
        for call in nodes(ast.Call)
        if isinstance(call.func, ast.Attribute) and call.func.attr == "get_table_client"
    }
    assert made("tables") == tables


def test_container_of_the_configuration_is_the_one_that_its_setting_names():
    for file in ("app/storage.bicep", "app/roles.bicep"):
        assert not re.search(r"'config'", bicep(file)), file
        assert re.search(r"^(  name: |  )configContainerName$", bicep(file), re.MULTILINE), file
    assert bicep("main.bicep").count("configContainerName: split(exportConfig, '/')[0]\n") == 2


def test_event_subscription_calls_the_function_that_takes_events():
    found = [
        node.name
        for node in nodes(ast.FunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "attr", "") == "event_grid_trigger"
    ]
    text = bicep("app/event-subscription.bicep")
    assert [f"/functions/{name}'" in text for name in found] == [True]
    for ending in (".csv", ".csv.gz", "/model.json"):
        assert f"'{ending}'" in text
