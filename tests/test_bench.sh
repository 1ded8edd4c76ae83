#!/bin/sh
# test_bench.sh: the benchmark (make bench) with stand-ins for OpenBLAS, PyTorch and mpirun
# that are right, absent, or wrong in some way; then with the real ones, where they are.
# No time that it measures decides a test. Run from the repository's root.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
case $bench in /*) ;; *) bench=$root/$bench ;; esac
children=
# shellcheck disable=SC2086 # a list of numbers
trap '[ -z "$children" ] || kill $children 2>/dev/null; rm -rf "$scratch"' EXIT
BENCH=$bench MPIRUN='' RANKS=''
export BENCH MPIRUN RANKS

# start NAME OPTIONS...: the benchmark in a folder of its own, beside the others;
# PYTHON, OPENBLAS, BLIS, MPIRUN, STAND_IN and RANKS are the caller's; programs, where
# it finds others.
start() {
    name=$1
    shift
    mkdir -p "$scratch/$name/plots"
    ln -s "$root/tests" "$scratch/$name/tests"
    (
        cd "$scratch/$name" || exit 1
        PATH=${programs:-$PATH}
        "$bench" --quick --rounds 1 --seconds 0.01 "$@" >out 2>err </dev/null
        echo $? >status
    ) &
    children="$children $!"
}
# ended NAME STATUS PATTERN: so it exited, and printed a line like that.
ended() {
    what="$1: $3"
    [ "$(cat "$scratch/$1/status")" = "$2" ] && grep -qE -- "$3" "$scratch/$1/out"
    status=$?
    [ $status -eq 0 ] || sed 's/^/      /' "$scratch/$1/status" "$scratch/$1/out" "$scratch/$1/err"
    ok "$what" $status
}
without() { # without NAME PATTERN: no such line
    ! grep -qE -- "$2" "$scratch/$1/out"
    ok "$1: nothing says $2" $?
}

# The real ones take longest: they begin.
PYTHON='' OPENBLAS='' BLIS='' STAND_IN=''
export PYTHON OPENBLAS BLIS STAND_IN
start real --only matmul,train,infer,memory
real=$children
have_mpi=
[ ! -x "${bench%/*}/run_ranks" ] || ! command -v mpirun >/dev/null 2>&1 || have_mpi=yes

# ---- stand-ins ------------------------------------------------------------------------

wrong_peers="none wrong short dies hangs closes nan zero clock stopped words long late memory unready exits"
PYTHON=$root/tests/bench/stand_ins/python.sh
[ -x "$PYTHON" ] || { echo "FAIL  $PYTHON is not executable"; exit 1; }
for STAND_IN in $wrong_peers; do
    patience=120
    case $STAND_IN in hangs) patience=40 ;; esac
    start "pytorch_$STAND_IN" --only infer --patience $patience
done
STAND_IN=none
start documented --only train,memory --models tiny,small,cifar
PYTHON=$scratch/nowhere/python3
STAND_IN=
start pytorch_absent --only infer

# A PyTorch that is there, but broken, is not one that isn't there.
mkdir "$scratch/broken"
echo 'raise RuntimeError("half installed")' >"$scratch/broken/torch.py"
PYTHON=
PYTHONPATH=$scratch/broken start broken --only infer

libraries=
if "${CC:-cc}" -shared -fPIC -O2 -o "$scratch/blas.so" tests/bench/stand_ins/blas.c -lpthread \
    2>"$scratch/cc.err"; then
    libraries="right wrong nan last dies hangs spins 64bit"
    if "${CC:-cc}" -shared -fPIC -O2 -DANOTHER -o "$scratch/other.so" tests/bench/stand_ins/blas.c \
        -lpthread; then
        OPENBLAS=$scratch/other.so BLIS=$scratch/nowhere.so
        start blas_other --only matmul
    fi
    for STAND_IN in $libraries; do
        patience=120
        case $STAND_IN in hangs) patience=40 ;; esac
        OPENBLAS=$scratch/blas.so BLIS=$scratch/nowhere.so
        [ "$STAND_IN" = right ] && BLIS=
        start "blas_$STAND_IN" --only matmul --patience $patience
    done
else
    echo "NOT RUN: a stand-in for OpenBLAS: ${CC:-cc} makes no shared library"
fi
printf 'not a library\n' >"$scratch/text.so"
OPENBLAS=$scratch/text.so BLIS=$scratch/nowhere.so
start blas_text --only matmul
all_but_real() {
    for child in $children; do
        [ "$child" = "$real" ] || wait "$child"
    done
}
all_but_real

echo "-- PyTorch, or what passes for it"
ended pytorch_none 0 '^infer tiny .* ratio [0-9]+\.[0-9]'
ended pytorch_none 0 '^1 thread: infer tiny|^infer'
ended documented 0 'on 1 thread .*; training reaches tiny +[0-9]+% small +[0-9]+% cifar +[0-9]+%$'
ended documented 0 '^memory cifar ours +[0-9]+ MB'
left_out='^FAILED    pytorch, [0-9]+ threads?'
ended pytorch_wrong 1 "$left_out: its result is 1 where ours is .*: left out"
ended pytorch_short 1 "$left_out: \"2.3\" is no answer to check"
ended pytorch_dies 1 "$left_out died: signal 9"
ended pytorch_hangs 1 "$left_out: no answer within 40 s"
ended pytorch_closes 1 "$left_out ended without an answer"
for one in nan late words long; do
    ended pytorch_$one 1 "$left_out: \".*\" is no answer to go"
done
ended pytorch_zero 1 "$left_out: 0 in .* can't be"
ended pytorch_clock 1 "$left_out: .* in 1e\+09 s can't be"
ended pytorch_stopped 1 "$left_out: .* in 0 s can't be"
ended pytorch_memory 1 "$left_out: \"-1 nan\" is no answer to quit"
ended pytorch_unready 1 '^pytorch: .*python.sh: "hello" is no "ready"'
ended pytorch_exits 1 '^pytorch: .*python.sh ended without an answer: exit status 3'
ended pytorch_absent 1 "^pytorch: not in .*nowhere/python3: can't run"
if command -v python3 >/dev/null 2>&1; then
    ended broken 1 '^pytorch: python3: RuntimeError: half installed'
fi
for one in $wrong_peers absent; do
    [ "$one" = none ] || {
        ended "pytorch_$one" 1 '^infer tiny .* pytorch skipped'
        without "pytorch_$one" '^(1 thread: )?(train|infer) .*(ratio|nan|inf$)'
        grep -q '^bench: 1 comparison failed' "$scratch/pytorch_$one/err"
        ok "pytorch_$one: stderr says so, too" $?
    }
done

echo "-- OpenBLAS, or what passes for it"
for one in $libraries; do
    without "blas_$one" 'a library that prints'
done
[ -z "$libraries" ] || {
    ended blas_right 0 '^openblas: StandIn 1.0, kernels of nothing'
    ended blas_right 0 'products, 1 thread: ours .* openblas .* ratio [0-9]+\.'
    ended blas_wrong 1 '^FAILED    openblas: an element of the .* product .* is 0 where ours is'
    ended blas_nan 1 '^FAILED    openblas: an element of the .* product .* is -?nan where ours'
    ended blas_last 1 '^FAILED    openblas: an element of the .* product'
    ended blas_dies 1 '^FAILED    openblas died: signal 6'
    ended blas_hangs 1 '^FAILED    openblas: no answer within 40 s'
    ended blas_spins 1 "^FAILED    openblas: its threads don't come to rest"
    ended blas_64bit 1 '^FAILED    openblas: it was built for sizes of 64 bits'
    ended blas_wrong 1 '^FAILED    blis: BLIS=.*nowhere.so'
    ended blas_other 1 '^FAILED    openblas: it is another library'
}
ended blas_text 1 '^FAILED    openblas: OPENBLAS=.*text.so'
for one in $libraries ${libraries:+other} text; do
    [ "$one" = right ] || {
        ended "blas_$one" 1 'products, 1 thread: ours [0-9.]+$'
        without "blas_$one" 'ratio|openblas +[0-9]'
    }
done
head -n 1 "$scratch/blas_text/plots/bench_matmul.csv" | grep -q '^threads,model,product'
ok "the table is written" $?
[ -z "$(find "$scratch" -name '*.tmp*')" ]
ok "nothing temporary is left" $?

# Ranks, beside a copy of the benchmark that needs no MPI: they are never started.
mkdir "$scratch/alone" "$scratch/both" "$scratch/few"
cp "$bench" "$scratch/alone/run"
cp "$bench" "$scratch/both/run"
printf '#!/bin/sh\nexit 9\n' >"$scratch/both/run_ranks"
chmod +x "$scratch/both/run_ranks"
for tool in sh tail head sleep; do
    ln -s "$(command -v $tool)" "$scratch/few/$tool"
done
PYTHON=$root/tests/bench/stand_ins/python.sh
MPIRUN=$root/tests/bench/stand_ins/mpirun.sh
[ -x "$MPIRUN" ] || { echo "FAIL  $MPIRUN is not executable"; exit 1; }
wrong_ranks="apart dies hangs ${have_mpi:+strangers killed}"
STAND_IN=none
for RANKS in none $wrong_ranks; do
    more=
    case $RANKS in
    hangs) more='--patience 40' ;;
    killed) more='--seconds 3' ;;
    esac
    program=$scratch/both/run
    case $RANKS in strangers | killed) program=$bench ;; esac
    # shellcheck disable=SC2086 # words
    bench=$program start "ranks_$RANKS" --only ranks $more
done
RANKS=none
for STAND_IN in no_gloo wrong apart; do
    bench=$scratch/both/run start "ddp_$STAND_IN" --only ranks
done
STAND_IN=none
MPIRUN=$scratch/nowhere/mpirun
bench=$scratch/both/run start ranks_nowhere --only ranks
MPIRUN=
bench=$scratch/alone/run start ranks_unbuilt --only ranks
programs=$scratch/few bench=$scratch/both/run start ranks_absent --only ranks
PYTHON=
start real_ranks --only ranks
all_but_real

echo "-- ranks, or what passes for them"
ended ranks_none 0 '^ranks +tiny +2 threads .* 2 ranks .* ratio [0-9]+\.'
ended ranks_none 0 '^overhead tiny +ours [0-9.]+ .* pytorch [0-9.]+ \(eager\): (ours|PyTorch) wins'
[ "$(grep -c '^tiny,' "$scratch/ranks_none/plots/bench_ranks.csv")" -eq 6 ]
ok "the table has ours and PyTorch's, alone and as ranks" $?
left_out='^FAILED    ours, 2 ranks'
ended ranks_apart 1 "$left_out: its loss is .* where ours is .*: left out"
ended ranks_dies 1 "$left_out died: signal 9"
ended ranks_hangs 1 "$left_out: no answer within 40 s"
ended ranks_nowhere 1 "$left_out: can't run .*nowhere/mpirun: No such file"
ended ranks_absent 0 "^ours, 2 ranks: skipped: can't run mpirun: No such file"
ended ranks_unbuilt 0 '^ours, 2 ranks: skipped: built without MPI \(make setup-chapter8\)'
if [ -n "$have_mpi" ]; then
    ended ranks_strangers 1 "$left_out: it is one of 1 rank, not of 2: is this mpirun"
    ended ranks_killed 1 "$left_out ended without an answer: exit status [1-9]"
else
    echo 'NOT RUN: ranks that are killed: MPI (make setup-chapter8) is not here'
fi
for one in $wrong_ranks nowhere absent unbuilt; do
    exited=$(cat "$scratch/ranks_$one/status")
    ended "ranks_$one" "$exited" '^ranks +tiny +2 threads .* ranks skipped'
    ended "ranks_$one" "$exited" '^overhead tiny +ours skipped pytorch [0-9.]+ \(eager\)$'
    [ "$(grep -cE '^FAILED|skipped: ' "$scratch/ranks_$one/out")" -eq 1 ]
    ok "ranks_$one: it is said once" $?
done
ended ddp_no_gloo 0 '^pytorch, 1 rank: skipped: this PyTorch has no gloo'
ended ddp_wrong 1 '^FAILED    pytorch, 1 rank: its loss is 1 where ours is .*: left out'
ended ddp_apart 1 '^FAILED    pytorch, 2 ranks: its loss is .* where ours is .*: left out'
for one in no_gloo wrong apart; do
    exited=$(cat "$scratch/ddp_$one/status")
    ended "ddp_$one" "$exited" \
        '^overhead tiny +ours [0-9.]+ \(shared memory [0-9.]+\) pytorch skipped$'
done

mkdir -p "$scratch/in_the_way/plots/bench_matmul.csv"
(cd "$scratch/in_the_way" && PYTHON=false "$bench" --quick --only matmul) >"$scratch/in_the_way/out" 2>&1
[ $? -eq 1 ] && grep -q "bench_matmul.csv: can't be written: it is no regular file" "$scratch/in_the_way/out" &&
    ! grep -q GFLOP "$scratch/in_the_way/out"
ok "what stands in its place is said before anything is measured" $?

# ---- a run that is stopped ends whom it has started --------------------------------------

PYTHON=$root/tests/bench/stand_ins/python.sh STAND_IN=hangs OPENBLAS=
mkdir -p "$scratch/stopped/plots"
ln -s "$root/tests" "$scratch/stopped/tests"
(cd "$scratch/stopped" && exec "$bench" --quick --only infer --rounds 1 >out 2>err) &
run=$!
children=$run
tries=0
until [ -s "$scratch/stopped/hanging" ] || [ $tries -gt 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
kill -TERM $run
wait $run 2>/dev/null
[ $? -eq 143 ]
ok "a run that is stopped says by what" $?
# Ended, and perhaps not yet waited for: in a container nobody may ever do that.
gone() { # gone PID: soon
    tries=0
    while kill -0 "$1" 2>/dev/null &&
        ! grep -q '^State:[[:space:]]*Z' "/proc/$1/status" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] || return 1
        sleep 0.1
    done
}
hanging=$(cat "$scratch/stopped/hanging")
gone "${hanging:-$$}"
ok "a run that is stopped ends whom it has started" $?
children=

# ---- wrong usage -----------------------------------------------------------------------

echo "-- usage"
wrong_usage() { # wrong_usage WORDS OPTIONS...
    words=$1
    shift
    "$bench" "$@" >"$scratch/out" 2>"$scratch/err"
    [ $? -eq 2 ] && grep -q "^bench: $words" "$scratch/err" &&
        [ "$(grep -c '' "$scratch/err")" -eq 1 ] && [ ! -s "$scratch/out" ]
    ok "bench $*" $?
}
wrong_usage 'unknown option "--fast"' --fast
wrong_usage '--rounds needs a value' --rounds
wrong_usage "--seconds can't be \"1,5\"" --seconds 1,5
wrong_usage "--seconds can't be \"nan\"" --seconds nan
wrong_usage '--rounds is a whole number' --rounds 1.5
wrong_usage "--patience can't be \"0\"" --patience 0
wrong_usage '--models: there is no "huge"' --models tiny,huge
wrong_usage '--only wants names' --only ''
"$bench" --help >/dev/full 2>"$scratch/err"
[ $? -eq 1 ] || [ ! -e /dev/full ]
ok "a full disk is no success" $?

# ---- the real ones ----------------------------------------------------------------------

echo "-- OpenBLAS and PyTorch themselves"
wait "$real"
ended real 0 '^written: plots/bench_models.csv'
without real '^FAILED|ratio -?(nan|inf)'
if grep -q '^openblas: skipped' "$scratch/real/out"; then
    echo "NOT RUN: OpenBLAS isn't there: $(grep '^openblas: skipped' "$scratch/real/out")"
else
    ended real 0 'products, 1 thread: ours .* openblas .* ratio [0-9]+\.'
fi
if [ -n "$have_mpi" ]; then
    ended real_ranks 0 '^ranks +tiny .* ratio [0-9.]+$'
    ended real_ranks 0 '^overhead tiny +ours [0-9.]+ '
else
    echo 'NOT RUN: ranks with MPI, which is not here (make setup-chapter8)'
fi
without real_ranks '^FAILED|(nan|inf)'
python=$(sed -n 's/^pytorch   PyTorch.*, //p' "$scratch/real/out")
if [ -z "$python" ]; then
    echo "NOT RUN: PyTorch isn't there, in python3 or /usr/bin/python3"
else
    for line in train infer memory; do
        ended real 0 "^$line tiny .* pytorch .* ratio [0-9]+\\."
    done
    grep -q '^train,tiny,64,pytorch,eager,1,[0-9]' "$scratch/real/plots/bench_models.csv" &&
        grep -q '^infer,tiny,1,ours,-,1,[0-9]' "$scratch/real/plots/bench_models.csv"
    ok "the table has both" $?
    ended real_ranks 0 '^overhead tiny .* pytorch [0-9.]+ \(eager\)'
    "$python" tests/reference/make_reference.py --check >"$scratch/out" 2>&1
    status=$?
    [ $status -eq 0 ] || sed 's/^/      /' "$scratch/out"
    ok "the test vectors are what this PyTorch computes" $status
    "$python" tests/reference/pytorch_vit.py --made-up --steps 1 --warmup 1 --batch 8 \
        --threads 1 >"$scratch/out" 2>"$scratch/err"
    grep -qE '^pytorch [^ ]* train [0-9]+ img/s, peak [0-9]+ MB, loss [0-9]' "$scratch/out"
    ok "pytorch_vit.py trains" $?
    # What isn't in PyTorch 1.13 passes for itself here.
    "$python" - --made-up --steps 1 --warmup 1 --batch 8 --threads 1 --bf16 --compile \
        >"$scratch/out" 2>"$scratch/err" <<'END'
import runpy
import torch
torch.compile = getattr(torch, "compile", lambda model: model)
runpy.run_path("tests/reference/pytorch_vit.py", run_name="__main__")
END
    grep -qE '^pytorch [^ ]* train [0-9]+ img/s, .* loss [0-9]' "$scratch/out"
    ok "pytorch_vit.py --bf16 --compile trains" $?
fi

verdict
