#!/bin/sh
# Compiles infra/ with Microsoft's Bicep CLI, where that is installed: `bicep`, or the one that `az bicep install` keeps.
# Builds each file that is deployed, lints every one, and evaluates the template for both sets of parameters in
# infra/checks. The linter must have nothing to say: an exception is a `#disable-next-line` with its reason.
# https://learn.microsoft.com/azure/azure-resource-manager/bicep/bicep-cli (`snapshot`: from 0.36 on, and not in `az bicep`)
set -eu
cd "$(dirname "$0")/.."
python=$(pwd -P)/.venv/bin/python

bicep=$(command -v bicep || true)
[ -n "$bicep" ] || bicep=${AZURE_CONFIG_DIR:-${HOME:-/nowhere}/.azure}/bin/bicep
if [ ! -x "$bicep" ]; then
    echo "bicep-check: not compiled: the Bicep CLI is not installed -> 'az bicep install', or https://aka.ms/bicep-install"
    exit 0
fi

# Snapshots are written beside their parameters, so all of it is done in a copy.
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -R infra "$copy/infra"
cd "$copy/infra"

fail() {
    echo "bicep-check: $1" >&2
    exit 1
}
# silent WHAT COMMAND...: the command must end well and say nothing.
silent() {
    what=$1
    shift
    if ! said=$("$@" 2>&1) || [ -n "$said" ]; then
        echo "$said" >&2
        fail "$what is not clean -> correct it, or say why not with #disable-next-line"
    fi
}

echo "bicep-check: $("$bicep" --version)"
for file in main.bicep app/event-subscription.bicep; do
    silent "bicep build infra/$file" "$bicep" build "$file" --outfile "$copy/built.json"
done
for file in *.bicep app/*.bicep; do
    silent "bicep lint infra/$file" "$bicep" lint "$file"
done
for parameters in checks/*.bicepparam; do
    "$bicep" snapshot "$parameters" --mode overwrite --location westeurope \
        --subscription-id 00000000-0000-0000-0000-000000000000 --tenant-id 00000000-0000-0000-0000-000000000000 \
        || fail "bicep snapshot infra/$parameters failed -> correct what it names"
    count=$("$python" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["predictedResources"]))' \
        "${parameters%.bicepparam}.snapshot.json")
    [ "$count" -gt 0 ] || fail "bicep snapshot infra/$parameters makes no resource -> see that its parameters are read"
    echo "bicep-check: infra/$parameters makes $count resources"
done
