#!/bin/sh
# Runs one slice of the tests that are too long for `make test`. SEED chooses it: by default the commit's own number,
# so that CI comes by all of them. SLICES is their count; arguments go to pytest.
# Of 24 slices none holds more than twenty-five tests, with at most one scenario of chaos (a minute to four, most of it
# waiting), three parts of the walk, three of the 100,000 files and two times 90 days (half a minute each). Two run at a
# time: some four minutes.
set -eu

cd "$(dirname "$0")/.."
commit=$(git rev-parse --short=7 HEAD 2>/dev/null || date +%m%d)
seed=${SEED:-$((0x$commit))}
count=${SLICES:-24}
number=$((seed % count + 1))
echo "slice $number of $count of the long tests, seed $seed; again with: make test-slice SEED=$seed SLICES=$count"
status=0
# Chaos takes its seed from here as well.
export SEED="$seed"
.venv/bin/python -m pytest -m full --slice="$number/$count" -n 2 --dist loadfile --durations 5 "$@" || status=$?
# 5 is pytest's word for no test at all: a slice may be empty where there are fewer long tests than slices.
[ "$status" -eq 5 ] || exit "$status"
