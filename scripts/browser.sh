#!/bin/sh
# Installs Chromium, in which the pages are tested (tests/pages) and pictures of them are made: where there is none yet,
# and where it may be installed, which is as root with apt-get. Where it may not, it says why and ends well: the tests
# are skipped then. With --must it fails.
set -eu

# As local/chromium.py looks for it.
find_browser() {
    for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome; do
        # On some systems a name leads to a program that only says how to install it.
        if found=$(command -v "$name") && "$found" --version >/dev/null 2>&1; then
            return 0
        fi
    done
    return 1
}
install_browser() {
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium
}
without() {
    echo "browser: no Chromium, so the pages are not tested in one: $*" >&2
    [ "$must" = no ] || exit 1
    exit 0
}

must=no
[ "${1:-}" != --must ] || must=yes

if find_browser; then
    echo "browser: $found is there"
    exit 0
fi
[ "$(id -u)" -eq 0 ] || without "only root may install it"
command -v apt-get >/dev/null 2>&1 || without "there is no apt-get to install it with"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_browser >"$log" 2>&1 || without "apt-get failed: $(grep -m 1 '^E: ' "$log" || tail -n 1 "$log")"
find_browser || without "apt-get has installed none that starts"
echo "browser: installed $found"
