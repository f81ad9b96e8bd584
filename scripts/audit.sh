#!/bin/sh
# Looks for known vulnerabilities, careless code and secrets. What needs a network that is not there is told in one
# line and does not fail; all else does.
set -eu
cd "$(dirname "$0")/.."
bin=.venv/bin

echo "audit: careless code (bandit)"
# B608: SQL from strings. Ours is built from the mapping's own column numbers and quoted literals, by shared/mapping.
"$bin/bandit" -q -s B608 -r shared export_trigger timer_export blob_export export_worker function_app.py

echo "audit: secrets (detect-secrets)"
# Allowed: Azurite's published key, and folder names that look random. Tests are full of made-up secrets; a real Brevo
# key is looked for everywhere below.
git ls-files -z -- . ':!package-lock.json' ':!requirements*.txt' ':!tests' | xargs -0 "$bin/detect-secrets-hook" \
    --exclude-secrets '^Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq' \
    --exclude-secrets '^(CustomerInsights_abcd1234/BlobExport|sandbox-key)$' \
    --exclude-secrets '^put here what '
if git grep -nIE 'xkeysib-[0-9a-f]{16}' -- . ; then
    echo "audit failed: a Brevo key is in the files above" >&2
    exit 1
fi

echo "audit: known vulnerabilities (pip-audit)"
report=.local/audit.txt
mkdir -p .local
if "$bin/pip-audit" -r requirements.txt --require-hashes --disable-pip >"$report" 2>&1; then
    if grep -q 'could not be audited' "$report"; then
        echo "audit: advisories were NOT checked for $(grep -c 'could not be audited' "$report") packages:" \
            "the package index reached here does not tell them"
    else
        tail -n 1 "$report"
    fi
elif grep -qiE 'connection|timed out|resolve|unreachable|HTTPError' "$report"; then
    echo "audit: advisories were NOT checked: no network to the advisory service"
else
    cat "$report" >&2
    exit 1
fi
echo "audit: passed"
