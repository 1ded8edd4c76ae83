#!/bin/sh
# test_typed.sh: every command that the pages tell their readers to type is typed by a
# test or by CI, or tests/typed.txt says why not. Run from the repository's root, where the
# chapters have been built.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh
unset MAKEFLAGS MAKELEVEL MFLAGS # of the make that runs this
list=$scratch/list
grep -v '^#' tests/typed.txt | grep . >"$list"

# ---- what the pages say --------------------------------------------------------------------

pages() {
    find README.md notes chapters tests -name '*.md' | sort
    echo Dockerfile
    echo Makefile
    echo chapters/06_cuda_training/job.yaml
    find tests -name '*.py' | sort
}
sed 's/ => .*//' "$list" >"$scratch/listed"
pages | while read -r page; do
    sed -n 's/^<!-- output: \(.*\) -->$/\1/p' "$page"
done >"$scratch/shown"
# typed PAGE: its commands; those that differ in the exercise alone are one.
typed() {
    awk -f tests/typed.awk "$1" | sed -E 's/^make hint N=[1-7]\.[1-6a-f]$/make hint N=3.2/
        s/^make watch N=[1-7]$/make watch N=3/; s/^make grade E=[1-7]\.[1-6a-f]$/make grade E=3.4/'
}
# unlisted PAGE: its commands that stand nowhere.
unlisted() {
    typed "$1" | sort -u | grep -vxF -f "$scratch/listed" | grep -vxF -f "$scratch/shown"
}
"$make" --no-print-directory FETCH=no help >"$scratch/help" 2>/dev/null
awk '/^  [a-z]/ && $1 !~ /^chapter/ { print "#   make " $1 }' "$scratch/help" >"$scratch/make help"
for page in $(pages) "$scratch/make help"; do
    typed "$page" >>"$scratch/typed"
    unlisted "$page" >"$scratch/unlisted"
    while read -r line; do
        echo "      ${page#"$scratch/"}: $line"
    done <"$scratch/unlisted"
    [ ! -s "$scratch/unlisted" ]
    ok "${page#"$scratch/"}: a command that no test types: say in tests/typed.txt who does, or why nobody" $?
done
[ "$(wc -l <"$scratch/typed")" -gt 150 ]
ok "commands were found ($(wc -l <"$scratch/typed"))" $?
grep -vxF -f "$scratch/typed" "$scratch/listed" >"$scratch/gone"
while read -r line; do
    echo "      $line"
done <"$scratch/gone"
[ ! -s "$scratch/gone" ]
ok "tests/typed.txt: what no page says any more" $?
[ -z "$(sort "$scratch/listed" | uniq -d)" ]
ok "tests/typed.txt: no command twice" $?

# A page with a command of each form that is in no list: all of them are found.
# shellcheck disable=SC1003,SC2016 # backquotes and backslashes of the pages
{
    found() { # found NAME COMMAND LINE...: the command is found in a page of these lines
        page=$scratch/$1
        command=$2
        shift 2
        printf '%s\n' "$@" >"$page"
        unlisted "$page" | grep -qxF -- "$command"
        ok "an unlisted command is found: $command" $?
    }
    found a.md './chapter5 --new 1 --more' '```sh' './chapter5 --new 1 \' '    --more   # what it does' '```'
    found b.md 'make new-target N=2' 'Say `make' 'new-target N=2` here, and `nothing` there.'
    found c.md 'python3 tests/new.py' 'So:' '' '    python3 tests/new.py'
    found d.md 'OMP_NUM_THREADS=3 ./chapter5' 'With `OMP_NUM_THREADS=3 ./chapter5` it is faster.'
    found Dockerfile 'docker build --new .' '# Images:' '#   docker build --new .       the new one'
}

# ---- who types it ----------------------------------------------------------------------------

grep ' => in ' "$list" | sed 's/^.* => in //' | sort -u >"$scratch/elsewhere"
while IFS= read -r line; do
    grep -qF -- "${line#*: }" "${line%%: *}"
    ok "tests/typed.txt: ${line%%: *} has: ${line#*: }" $?
done <"$scratch/elsewhere"
! grep -vE ' => (run|run [^ ].*|in [^ ]+: .+|not: .+)$' "$list"
ok "tests/typed.txt: each line says how" $?

# ---- the rest is typed here ------------------------------------------------------------------

mkdir "$scratch/tree" "$scratch/tree/data"
cp -R common chapters tests notes plots README.md Makefile "$scratch/tree"
cp -R data/sample data/*.sh "$scratch/tree/data"
rm -f "$scratch"/tree/plots/*.dat
ln -s "$root"/chapter[1-8] "$root"/chapter[1-8]_* "$scratch/tree"
mkdir "$scratch/bin"
ln -s "$(command -v "$make")" "$scratch/bin/make"
PATH=$scratch/bin:$PATH
OMP_NUM_THREADS=2
OMP_WAIT_POLICY=passive
export PATH OMP_NUM_THREADS OMP_WAIT_POLICY
grep -E ' => run( |$)' "$list" | sed 's/^\(.*\) => run$/\1/; s/^.* => run //' >"$scratch/run"
while IFS= read -r line; do
    for program in gnuplot kubectl; do
        case "$line" in
        *"$program "*) command -v $program >/dev/null 2>&1 || {
            echo "NOT RUN: $program isn't there: $line"
            continue 2
        } ;;
        esac
    done
    (cd "$scratch/tree" && sh -c "$line") >"$scratch/out" 2>&1 </dev/null
    status=$?
    [ $status -eq 0 ] || tail -n 5 "$scratch/out" | sed 's/^/      /'
    ok "$line (exit status $status)" $status
done <"$scratch/run"

verdict
