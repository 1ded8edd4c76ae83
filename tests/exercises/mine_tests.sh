#!/bin/sh
# mine_tests.sh PROGRAM SUITE...: the chapter's own tests against a student's copy.
set -u
program=$1
shift
status=0
for suite in "$@"; do
    if CK_RUN_SUITE=$suite CK_VERBOSITY=minimal "$program" >"$program.out" 2>&1; then
        printf '  PASS  suite %s\n' "$suite"
    else
        printf '  FAIL  suite %s\n' "$suite"
        CK_RUN_SUITE=$suite "$program" 2>&1 | grep -E ':[EF]:' | head -n 3 | sed 's/^/        /'
        status=1
    fi
done
exit $status
