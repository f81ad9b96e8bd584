#!/bin/sh
# Runs the pytest command that it is given. Up to three tests that failed beside others run once more, alone, and the
# last lines say which of them passed then. Exit status 0 where all have passed.
# That four tests share two processors is no part of what they promise. Still, each such line is a fault of the test.
set -u

"$@" --cache-clear
status=$?
# Another status than 1 is wrong use or a run that did not come to its end: not all tests have run.
[ "$status" -eq 1 ] || exit "$status"

names=$(.venv/bin/python -c 'import json; print(*json.load(open(".pytest_cache/v/cache/lastfailed")), sep="\n")') || exit 1
count=$(printf '%s\n' "$names" | grep -c .)
if [ "$count" -eq 0 ] || [ "$count" -gt 3 ]; then
    echo "$count tests failed: none of them is run again"
    exit 1
fi

passed='' failed=''
while IFS= read -r name; do
    echo "once more, alone: $name"
    if "$@" -n 0 "$name" </dev/null; then
        passed="${passed}passed alone, failed beside others: $name
"
    else
        failed="${failed}failed alone, too: $name
"
    fi
done <<EOF
$names
EOF
printf '%s%s' "$failed" "$passed"
[ -z "$failed" ]
