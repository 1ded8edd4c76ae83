#!/bin/sh
# mine_tests.sh N PROGRAM TESTS: chapter N's own tests against a student's copy, which is
# PROGRAM as a chapter.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
program=$3
limit=5 # seconds a suite
case $1 in
1) suites="matmul softmax gelu linear gradcheck" ;;
2) suites="attention" ;;
3) suites="multi_head_attention positions" ;;
4) suites="layer_norm dropout mlp encoder_block" ;;
7) suites="weights interpolate pictures rollout" ;;
8) suites="all_reduce rank_trainer" ;;
5) suites="patch_embedding vit vit_variants cross_entropy adamw schedule" ;;
6)
    suites="gpu_warm_up gpu_rows gpu_gelu gpu_matmul gpu_attention gpu_adamw"
    limit=60 # kernels without a GPU take longer
    ;;
esac
echo "chapter $1 of what you wrote, to run: ./$2"
case $1 in
5 | 6 | 8) echo "what it trains it saves as ${2##*/}.safetensors: the course's own file stays as it is" ;;
esac
echo 'the tests of the course:'
status=0
for suite in $suites; do
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
        # What a test says that met an exercise which isn't written is no failure of it.
        grep -aE ':[EF]:' "$program.out" | grep -av 'Early exit with return value 77$' >"$program.failed"
        if [ ! -s "$program.failed" ] && grep -aq '^exercise .* is not written yet' "$program.out"; then
            printf '  OPEN  suite %s\n' "$suite"
        else
            printf '  FAIL  suite %s\n' "$suite"
        fi
        head -n 3 "$program.failed" | sed 's/^/        /'
        ;;
    esac
    grep -aE '^bug: |^exercise .* is not written yet' "$program.out" | sort -u | head -n 3 |
        sed 's/^/        /'
    status=1
done
exit $status
