#!/bin/sh
# mine_tests.sh PROGRAM SUITE...: the chapter's own tests against a student's copy.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
program=$1
shift
case $program in
*/chapter6/*) limit=60 ;; # seconds a suite: kernels without a GPU take longer
*) limit=5 ;;
esac
status=0
for suite in "$@"; do
    CK_RUN_SUITE=$suite within "$limit" "$program" >"$program.out" 2>&1
    case $? in
    0)
        printf '  PASS  suite %s\n' "$suite"
        continue
        ;;
    124)
        printf '  FAIL  suite %s\n' "$suite"
        echo "        It ran for $limit seconds and was stopped: an endless loop?"
        ;;
    *)
        printf '  FAIL  suite %s\n' "$suite"
        grep -E ':[EF]:' "$program.out" | head -n 3 | sed 's/^/        /'
        ;;
    esac
    grep -aE '^bug: |^exercise .* is not written yet' "$program.out" | sort -u | head -n 3 |
        sed 's/^/        /'
    status=1
done
exit $status
