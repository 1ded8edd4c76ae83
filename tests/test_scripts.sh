#!/bin/sh
# test_scripts.sh: the scripts say the same on every machine: whatever TMPDIR, the locale
# and other settings of the user's are, in every shell that is here, in a folder with a
# space in its name. The programs are stand-ins. Run in the repository's root; takes
# seconds, needs no network.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
course=$PWD
trap 'chmod -R u+rwx "$scratch"; rm -rf "$scratch"' EXIT

# ---- shells ----------------------------------------------------------------------------

echo "-- shells"
shells="sh"
for candidate in dash bash mksh ksh zsh 'busybox ash'; do
    ${candidate} -c : >/dev/null 2>&1 && shells="$shells
$candidate"
done
each_shell() { # each_shell COMMAND...: with the shell's words in $shell
    echo "$shells" | while read -r shell; do
        "$@" || { echo "      with $shell"; exit 1; }
    done
}
# shellcheck disable=SC2086 # a shell may be two words
parse() {
    for script in common/scripts/*.sh data/*.sh plots/*.sh tests/*.sh tests/*/*.sh; do
        case $(sed -n 1p "$script") in *bash*) continue ;; esac
        $shell -n "$script" || { echo "      $script"; return 1; }
    done
}
each_shell parse
ok "every script parses in every shell" $?

# Temporary folders are new_scratch's, which finds a place where TMPDIR names none.
git ls-files '*.sh' >"$scratch/scripts" 2>/dev/null && [ -s "$scratch/scripts" ] ||
    find common data plots tests -name '*.sh' >"$scratch/scripts"
! xargs grep -nF -e 'mktemp -d)' -e '/tmp/$' <"$scratch/scripts" | grep -v -e test_scripts.sh
ok "no script makes its own temporary names" $?

# ---- portable.sh -------------------------------------------------------------------------

echo "-- portable.sh"
in_shell() { # in_shell SCRIPT: what it prints after portable.sh
    # shellcheck disable=SC2086 # a shell may be two words
    $shell -c "set -eu; . common/scripts/portable.sh; $1" portable
}
limits() {
    in_shell 'command() { return 1; }
        within 5 true || exit 1
        within 5 sh -c "exit 7" && exit 1 || [ $? -eq 7 ] || exit 1
        within 1 sleep 9 && exit 1 || [ $? -eq 124 ]' &&
        in_shell 'within 1 sleep 9 && exit 1 || [ $? -eq 124 ]'
}
each_shell limits
ok "a limit of time, with and without the command timeout" $?
places() {
    for place in "$scratch/none" "$scratch/a b" "$scratch/\$HOME;'\"&" "$scratch/file" '' -x; do
        made=$(TMPDIR=$place in_shell new_scratch) && [ -d "$made" ] && [ -w "$made" ] || return 1
        case $place in *b | *\&) [ "${made%/*}" = "$place" ] || return 1 ;; esac
        rmdir "$made"
    done
}
mkdir "$scratch/a b" "$scratch/\$HOME;'\"&"
: >"$scratch/file"
each_shell places
ok "temporary folders, wherever TMPDIR leads" $?
numbers() { in_shell 'now; cores' | grep -qE '^[0-9]+(\.[0-9]+)?$'; }
each_shell numbers
ok "the time and the number of processors are numbers" $?
clean() { # a user's settings of cd, grep and others
    [ "$(env CDPATH="$scratch" GREP_OPTIONS=--color=always POSIXLY_CORRECT=1 LC_ALL=xx \
        $1 'BASH_FUNC_grep%%=() { echo planted; }' IFS=: $shell -c '. common/scripts/portable.sh
            cd common && pwd | grep common && echo "$LC_ALL ${CDPATH-none}"' 2>/dev/null)" = "$course/common
C none" ]
}
mkdir "$scratch/common"
# shellcheck disable=SC2086
each_shell clean ''
ok "settings of cd, grep and the shell's functions don't reach the scripts" $?

# ---- the same in every environment -------------------------------------------------------

echo "-- environments"
# A locale whose numbers have commas: one that is installed, or else made here.
comma=$(locale -a 2>/dev/null | grep -iE '^(de|fr|tr|it|ru|pt|es)_.*utf-?8$' | head -n 1)
if [ -z "$comma" ] && localedef -i de_DE -f UTF-8 "$scratch/de_DE.UTF-8" >/dev/null 2>&1; then
    comma=de_DE.UTF-8
    LOCPATH=$scratch
    export LOCPATH
fi
[ -n "$comma" ] || echo "NOT RUN: there is no locale whose numbers have commas, and no way to make one"

# A course with stand-ins for the programs, in a folder with a space in its name.
there="$scratch/a course"
mkdir -p "$there/data" "$there/tests"
cp -R Makefile README.md common chapters notes plots "$there"
rm -rf "$there/plots/pictures" "$there"/plots/*.dat
cp -R data/sample data/*.sh "$there/data"
cp -R tests/exercises tests/*.c tests/*.sh tests/*.awk "$there/tests"
stand_in() { # stand_in PROGRAM LINE...
    program=$1
    shift
    { echo '#!/bin/sh'; printf '%s\n' "$@"; } >"$there/$program"
    chmod +x "$there/$program"
}
# shellcheck disable=SC2016 # a program for later
stand_in chapter1 'echo "PASS  dX  2 elements, worst relative error 1.5e-9"' \
    '[ $# -eq 0 ] || exit 0' \
    'for name in gradcheck_curve roofline attention_cost positional_encoding \
        gradient_norms_by_depth attention_scale layer_costs; do
        printf "# x y\n1 2.5\n2 3.5\n" >"plots/$name.dat" ||
            echo "Skipped: data for a plot"
    done'
for n in 2 3 4 7; do
    stand_in "chapter$n" 'echo "PASS  dX  2 elements, worst relative error 1.5e-9"'
done
# shellcheck disable=SC2016
stand_in chapter5 'echo "PASS  dX  2 elements, worst relative error 1.5e-9"' \
    'while [ $# -gt 0 ]; do [ "$1" != --log ] || log=$2; shift; done' \
    '[ -z "${log:-}" ] || { echo step,epoch,loss,accuracy,lr,norm,seconds
        for s in 50,10.5 100,20.75 150,31; do
            echo "${s%,*},1,2,0.5,0.1,1,${s#*,}"
        done; } >"$log"'
stand_in chapter6 'echo "PASS  dX  2 elements, worst relative error 1.5e-9"' \
    'echo "softmax: rows"; echo "  naive 1 2 3 4 5 6.25 8"'
mkdir "$there/bin"
# shellcheck disable=SC2016 # gnuplot draws what it is given
stand_in bin/gnuplot 'for picture; do :; done
    case ${GNUPLOT_FAILS:-} in
    empty) : >"$picture" ;;
    status) echo "line 1: cannot draw" >&2; exit 1 ;;
    *) { cat "$4"; echo "</svg>"; } >"$picture" ;;
    esac'
stand_in bin/cc 'exec '"$(command -v "${CC:-cc}")"' "$@"'

# what SCRIPT: what it says and leaves, with this environment; times and places are not
# the same twice.
what() {
    (
        cd "$there" || exit 1
        rm -rf build work plots/pictures plots/*.dat
        mkdir build
        case $script in
        equations) $shell common/scripts/equations.sh ;;
        table) $shell common/scripts/studies_table.sh ;;
        found) CC=cc OPENMP='' NVCC='' CUDA_FOR='' $shell common/scripts/found.sh ;;
        need) $shell common/scripts/need.sh compiler ;;
        data) FETCH=no $shell data/get_fashion_mnist.sh ;;
        start) $shell tests/exercises/start.sh 2 work/chapter2 true echo && cksum work/chapter2/* ;;
        plots)
            PATH=$there/bin:$PATH $shell plots/make_plots.sh plots/pictures true &&
                cat plots/access_counts.dat plots/gpu_ladders.dat plots/thread_scaling.dat &&
                ls plots/pictures
            ;;
        report)
            $shell common/scripts/report.sh build/report.md cc -O3 '' &&
                grep -v -e UTC -e '^| [a-z]* .*|$' -e "$scratch" build/report.md |
                sed 's/| [0-9.]* |$/| seconds |/'
            ;;
        esac
    ) 2>&1
}
scripts="equations table found need data start plots report"
shell="sh"
for script in $scripts; do
    what >"$scratch/plain-$script"
    ok "$script: ends well in a folder with a space" $?
done
grep -q '^softmax naive 6.25 ' "$scratch/plain-plots" && grep -qx '1 312.195' "$scratch/plain-plots"
ok "plots: the numbers that are drawn" $?

same_in() { # same_in WHAT VARIABLE=VALUE...: in that environment they say the same
    where=$1
    shift
    for script in $scripts; do
        (
            for setting in "$@"; do
                case $setting in
                -*) unset "${setting#-}" ;;
                *) export "${setting?}" ;;
                esac
            done
            what
        ) >"$scratch/out"
        cmp -s "$scratch/out" "$scratch/plain-$script"
        ok "$script: the same $where" $?
    done
}
same_in "without TMPDIR's folder" TMPDIR="$scratch/none"
same_in "with a space and shell characters in TMPDIR" TMPDIR="$scratch/\$HOME;'\"&"
same_in "with CDPATH and GREP_OPTIONS" CDPATH="$scratch" GREP_OPTIONS=--color=always \
    GREP_COLORS=mt=31 POSIXLY_CORRECT=1
same_in "without HOME and TERM, in a language that isn't there" -HOME -TERM LC_ALL=xx_YY LANG=xx_YY
if [ -n "$comma" ]; then
    same_in "where numbers have commas ($comma)" LC_ALL="$comma" LANG="$comma"
fi
for awk in mawk gawk original-awk 'busybox awk'; do
    # shellcheck disable=SC2086 # two words
    $awk 'BEGIN { exit 2 ^ 3 != 8 }' 2>/dev/null || continue
    folder="$scratch/$awk"
    mkdir "$folder"
    printf '#!/bin/sh\nexec %s "$@"\n' "$(command -v "${awk%% *}")${awk#"${awk%% *}"}" >"$folder/awk"
    chmod +x "$folder/awk"
    same_in "with $awk" PATH="$folder:$PATH"
done
shell_said() {
    for script in $scripts; do
        what >"$scratch/out"
        cmp -s "$scratch/out" "$scratch/plain-$script" || { echo "      $script"; return 1; }
    done
}
each_shell shell_said
ok "every script says the same in every shell" $?
shell="sh"
for script in $scripts; do
    (umask 077 && what <&-) >"$scratch/out" 2>&1
    cmp -s "$scratch/out" "$scratch/plain-$script"
    ok "$script: the same with stdin closed and umask 077" $?
done

# ---- .github/workflows -------------------------------------------------------------------

echo "-- workflows"
commands() { # README's, a line each
    awk '/^```sh$/ && n < 2 { n++; inside = 1; next } /^```/ { inside = 0 } inside' README.md
}
commands >"$scratch/commands"
while read -r command; do
    grep -qxF "        run: $command" .github/workflows/systems.yml
    ok "the workflow runs README's command: $command" $?
done <"$scratch/commands"
[ "$(grep -c '' "$scratch/commands")" -eq 2 ]
ok "both of README's commands were looked for" $?
if python3 -c 'import yaml' 2>/dev/null; then
    for file in .github/workflows/*.yml; do
        python3 -c 'import sys, yaml; yaml.safe_load(open(sys.argv[1]))["jobs"]' "$file"
        ok "$file is YAML" $?
    done
else
    echo "NOT RUN: python3 with yaml isn't there to read the workflows"
fi

# ---- make test-systems: what it refuses --------------------------------------------------

sh tests/systems/run.sh debian12 windows >"$scratch/out" 2>&1
[ $? -eq 2 ] && [ "$(cat "$scratch/out")" = \
    "test-systems: unknown system windows: it is debian12, debian13, arm64 or musl" ]
ok "test-systems: an unknown system" $?
if [ "$(id -u)" != 0 ]; then
    sh tests/systems/run.sh musl >"$scratch/out" 2>&1
    [ $? -eq 1 ] && [ "$(grep -c '^test-systems: this needs ' "$scratch/out")" -eq 1 ]
    ok "test-systems: who isn't root is told in a line" $?
fi

# ---- what else is refused -----------------------------------------------------------------

echo "-- refusals"
refused() { # refused STATUS PATTERN COMMAND...: in one line
    wanted=$1
    pattern=$2
    shift 2
    "$@" >"$scratch/out" 2>&1
    status=$?
    [ "$status" -eq "$wanted" ] && [ "$(grep -c '' "$scratch/out")" -eq 1 ] && grep -q -e "$pattern" "$scratch/out" || {
        echo "      exit status $status"
        sed 's/^/      /' "$scratch/out"
        false
    }
    ok "refused: $pattern" $?
}
studies="sh common/scripts/studies.sh $scratch/studies.csv"
refused 2 'no regular expression: \[$' $studies '['
refused 2 'no run fits nope|nix$' $studies 'nope|nix'
refused 2 'CORES and SEEDS are whole numbers' env CORES=0 $studies nope
refused 2 'CORES and SEEDS are whole numbers' env SEEDS='1 x' $studies nope
make -n -s NVCC= studies RUNS='norm:pre seed 1|depth8' 2>/dev/null |
    grep -qF "studies.sh notes/studies.csv 'norm:pre seed 1|depth8'"
ok "RUNS of several words is one expression" $?
refused 1 'no file .*none that can be read' sh common/scripts/studies_table.sh "$scratch/none"
echo 'norm,pre,1,4,0.003,0.8x,1,100' >"$scratch/studies.csv"
refused 1 'line 1: "0.8x" is no number' sh common/scripts/studies_table.sh "$scratch/studies.csv"
refused 2 'SECONDS and RUNS are whole numbers from 1' sh tests/fuzz/run.sh make csv 0
refused 2 'FUZZ names no reader' sh tests/fuzz/run.sh make ' ' '' 10
mkdir "$scratch/mine"
touch "$scratch/mine/linear.c"
refused 1 'mine has no gelu.c: make start N=1' sh tests/exercises/grade.sh 1 "$scratch/mine" true true
refused 1 "linear.c can't be made" sh tests/exercises/start.sh 1 "$scratch/mine/linear.c" true echo

# ---- make plots --------------------------------------------------------------------------

echo "-- plots"
draws() { # draws STATUS PATTERN: make_plots.sh ends so, and says that
    (cd "$there" && PATH=$there/bin:$PATH sh plots/make_plots.sh plots/pictures "${check:-true}") \
        >"$scratch/out" 2>&1
    status=$?
    [ "$status" -eq "$1" ] && grep -Eq -e "$2" "$scratch/out" || {
        echo "      exit status $status"
        sed 's/^/      /' "$scratch/out"
        return 1
    }
}
draws 0 '^[0-9]+ pictures, as PNG and SVG'
ok "a second time" $?
GNUPLOT_FAILS=empty draws 1 "^make plots: gnuplot can't draw plots/pictures/gradcheck_curve.png"
ok "an empty picture is a failure" $?
[ ! -e "$there/plots/pictures/gradcheck_curve.png" ]
ok "and isn't left there" $?
GNUPLOT_FAILS=status draws 1 "^line 1: cannot draw"
ok "what gnuplot says is shown" $?
check=false draws 1 '^make plots: a picture shows nothing'
ok "a picture that shows nothing is a failure" $?
stand_in chapter3 'echo words; exit 3'
draws 1 '^make plots: ./chapter3 failed: what it printed is in build/plots/chapter3.txt$'
ok "a chapter that fails is named" $?
stand_in chapter3 'echo "# head only" >plots/positional_encoding.dat'
draws 0 '^left out: positional_encoding: there are no numbers in plots/positional_encoding.dat'
ok "data without a line are left out" $?
draws 0 'positional_encoding.*is from an earlier run$'
ok "and the picture that is there is said to be old" $?
echo 'step,epoch,loss,accuracy,gradient_norm,lr,seconds' >"$there/chapter5.csv"
draws 0 '^left out: training_curves: there are no numbers in chapter5.csv'
ok "a log without steps is left out" $?
rm -f "$there/plots/roofline.dat"
mkdir "$there/plots/roofline.dat"
draws 1 "^make plots: plots/roofline.dat can't be written"
ok "data that can't be written anew are named" $?
rmdir "$there/plots/roofline.dat"
if [ "$(id -u)" = 0 ]; then
    echo "NOT RUN: root may write into every folder"
else
    chmod a-w "$there/plots"
    draws 1 "^make plots: .*can't"
    ok "a folder that can't be written is a line" $?
    chmod u+w "$there/plots"
fi

verdict
