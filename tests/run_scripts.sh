#!/bin/sh
# run_scripts.sh NAME...: tests/test_NAME.sh, one after the other, for several run programs
# in the root with their default files. The last lines say which of them failed, and how to
# run it alone. The environment is words.sh's.
set -u
failed=
for name in "$@"; do
    echo "== tests/test_$name.sh"
    began=$(date +%s)
    sh "tests/test_$name.sh" || failed="$failed $name"
    echo "== tests/test_$name.sh took $(($(date +%s) - began)) s"
done
for name in $failed; do
    echo "FAILED: tests/test_$name.sh: $(sed -n "2s/^# [^:]*: *//p" "tests/test_$name.sh")"
    echo "        alone: make test ONLY=$name"
done
[ -z "$failed" ]
