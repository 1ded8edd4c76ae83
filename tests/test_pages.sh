#!/bin/sh
# test_pages.sh: what the pages say is so: every equation's tag has its code, test and
# explanation; links lead somewhere; targets, options and outputs that are named exist.
# Run from the repository's root, where the chapters have been built.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh

pages() {
    find README.md notes chapters tests -name '*.md' | sort
}

# ---- tags ------------------------------------------------------------------------------

echo "-- equations"
sh common/scripts/equations.sh >"$scratch/equations"
ok "every tag has code, a test and an explanation" $?
grep -q 'chapters/02_.*/attention.c:' "$scratch/equations"
ok "places are named" $?

# planted TREE-CHANGE: the index must fail, and say what is wrong.
planted() { # planted WHAT WORDS COMMAND...: the command changes a copy
    what=$1
    words=$2
    shift 2
    rm -rf "$scratch/tree"
    mkdir "$scratch/tree"
    cp -R common chapters tests notes plots README.md "$scratch/tree"
    (cd "$scratch/tree" && "$@")
    (cd "$scratch/tree" && sh common/scripts/equations.sh) >"$scratch/planted"
    [ $? -eq 1 ] && grep -q "$words" "$scratch/planted"
    ok "$what" $?
}
# edit SED FILE...: each in place, with every sed.
edit() {
    expression=$1
    shift
    for file in "$@"; do
        sed "$expression" "$file" >"$scratch/edited" && cat "$scratch/edited" >"$file"
    done
}
unknown_tag() { echo '/* [ViT eq.9] */' >>common/softmax.c; }
# shellcheck disable=SC2046 # the repository's names have no spaces
no_test() { edit 's/\[AIAYN fn.4\]/the footnote/' $(grep -rlF '[AIAYN fn.4]' tests); }
# shellcheck disable=SC2046
no_code() { edit 's/\[ViT 3\.1\]/3.1/' $(grep -rlF '[ViT 3.1]' common chapters | grep -v 'md$'); }
# shellcheck disable=SC2046
no_note() { edit 's/\[ViT T\.8\]/Table 8/' $(grep -rlF '[ViT T.8]' . | grep 'md$'); }
no_home() { edit 's/\[AIAYN eq.3\]/eq. 3/' chapters/05_*/training/schedule.c; }
no_reason() { edit 's/^\(ViT T.5 .*\) |[^|]*$/\1/' notes/equations.txt; }
no_list() { : >notes/equations.txt; }
planted "an unknown tag is found" 'UNKNOWN  \[ViT eq.9\] at common/softmax.c:' unknown_tag
planted "a tag without a test is found" 'MISSING  \[AIAYN fn.4\] has no test' no_test
planted "a tag without code is found" 'MISSING  \[ViT 3.1\] has no code' no_code
planted "a tag without an explanation is found" 'MISSING  \[ViT T.8\] has no expl' no_note
planted "a file that lost its tag is found" 'MISSING  \[AIAYN eq.3\] is not cited in' no_home
planted "a tag that isn't built for no reason is found" \
    'MISSING  \[ViT T.5\] is not built' no_reason
planted "an empty list is no pass" 'has no tags' no_list

# ---- links --------------------------------------------------------------------------------

echo "-- links"
prose() { # a page without its code
    awk '/^ *```/ { inside = !inside; next } !inside { gsub(/`[^`]*`/, ""); print }' "$1"
}
links=0
for page in $(pages); do
    folder=$(dirname "$page")
    prose "$page" >"$scratch/prose"
    for link in $(grep -oE '\]\([^) ]+\)' "$scratch/prose" | sed 's/^](//; s/)$//'); do
        case $link in
        http*) continue ;; # not ours
        esac
        links=$((links + 1))
        [ -e "$folder/${link%%#*}" ]
        ok "$page: a link to $link" $?
    done
done
[ "$links" -gt 20 ]
ok "links were looked at ($links)" $?

# without_mpi COMMAND: chapter 8's program, where there is no MPI to build it with
without_mpi() {
    case $1 in ./chapter8*) ! [ -e chapter8 ] && ! command -v mpicc >/dev/null ;; *) false ;; esac
}

# ---- targets and options ------------------------------------------------------------------------

echo "-- commands"
code() { # what stands in fences or between backquotes
    awk '/^ *```/ { inside = !inside; next } inside { print }' "$1"
    grep -oE '`[^`]+`' "$1" | tr -d '`'
}
for page in $(pages); do
    code "$page" >"$scratch/code"
    for target in $(grep -oE '(^|[^a-z-])make( +[A-Z0-9_]+=[^ ]*)* +[a-z][a-z0-9_.-]*[a-z0-9]' \
        "$scratch/code" | awk '{ print $NF }' | sort -u); do
        grep -qE "^(\.PHONY:.* )?$target( |:|\$)|^\.PHONY:.* $target( |\$)|^command-$target =" Makefile common/make/*.mk ||
            echo "$target" | grep -qE '^chapter[1-8]$'
        ok "$page: make $target" $?
    done
    for option in $(grep -oE '\./chapter[1-8]( +[^ |;&)]+)*' "$scratch/code" |
        awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^--[a-z]/) print substr($1, 3) $i }' |
        sed 's/[^a-z0-9-]*$//' | sort -u); do
        program=${option%%--*}
        without_mpi "./$program" && continue
        "./$program" --help >"$scratch/help" 2>&1
        grep -q -e "--${option#*--}" "$scratch/help"
        ok "$page: ./$program --${option#*--}" $?
    done
done

# ---- the lessons' order -------------------------------------------------------------------

echo "-- lessons"
in_order() { # in_order FILE: a lesson tells its story as it likes, and ends with these
    cat >"$scratch/wanted" <<'END'
## The code, in reading order
## Exercises
## Where we differ from the papers
## Summary
## Next
END
    grep '^## ' "$1" | tail -n 5 | cmp -s - "$scratch/wanted"
}
pictured() { # pictured FILE: three figures of its own or more
    [ "$(prose "$1" | grep -cE '^!\[[^]]{20,}\]\(figures/[a-z0-9_]+\.svg\)')" -ge 3 ]
}
for page in chapters/0*/README.md; do
    in_order "$page"
    ok "$page: the lessons' last headings in their order" $?
    pictured "$page"
    ok "$page: has three figures, each with words that say what it shows" $?
done
grep -v '^## Summary' chapters/02_*/README.md >"$scratch/lesson"
! in_order "$scratch/lesson"
ok "a lesson without its summary is found" $?
printf '![A head](figures/a.svg)\n' >"$scratch/lesson"
! pictured "$scratch/lesson"
ok "a lesson without figures is found" $?

# ---- how much there is to read: README, lessons 1 to 6, notes; not hints, not the GPU's report ----

# shellcheck disable=SC2046 # names of pages
words=$(cat $(find README.md notes chapters -name '*.md' ! -path '*/cuda_on_cpu/*' ! -path '*/07_*' ! -path '*/08_*' ! -path 'notes/book/*' ! -name gpu_report.md) | grep -v '^<!-- live: ' | wc -w)
echo "README, lessons and notes: $words words, of at most 38000"
[ "$words" -le 38000 ]
ok "a course that can be read" $?

# ---- what is to be read ---------------------------------------------------------------------

echo "-- reading"
sh tests/reading.sh chapters/0*/README.md
ok "what each lesson tells to read fits its limit" $?
# unread WORDS LINE...: a lesson of these lines, which is refused in these words.
unread() {
    words=$1
    shift
    printf '%s\n' "$@" >"$scratch/lesson.md"
    ! sh tests/reading.sh "$scratch/lesson.md" >"$scratch/out" && grep -qF "$words" "$scratch/out"
    ok "a lesson is refused: $words" $?
}
seq 7 >"$scratch/seven.c"
seq 4 >"$scratch/four.c"
mark='<!-- reading: at most 10 lines -->'
seven='1. [seven.c](seven.c), and [again](seven.c)'
unread "1 lines too many" "$mark" "$seven" '2. [four.c](four.c)'
unread "missing.c, which isn't a file" "$mark" "$seven" '2. [missing.c](missing.c)'
unread "links no files" "$mark" '1. `seven.c`' '' "$seven"
unread "must say once" "$seven"
unread "must say once" "$mark" "$seven" '' "$mark" "$seven"
printf '%s\n' "$mark" "$seven" '' '[four.c](four.c), if you like' >"$scratch/lesson.md"
sh tests/reading.sh "$scratch/lesson.md" | grep -q ': 7 lines in 1 files'
ok "a file counts once; what the list doesn't have isn't counted" $?

# ---- exercises ----------------------------------------------------------------------------

echo "-- exercises"
for n in 1 2 3 4 5 6 7 8; do
    page=$(echo chapters/0"$n"_*/README.md)
    listed=$(sed -n '/^## Exercises/,/^## [^E]/p' "$page" | grep -oE "^\\| $n\\.[1-6a-f] " | tr -d '| ' | tr '\n' ' ')
    known=$(grep -oE "^ *\\{\"$n\\.[1-6a-f]\"" "tests/exercises/exercises_$n.c" | grep -oE "[1-8]\.[1-6a-f]" | tr '\n' ' ')
    [ "$listed" = "$known" ] && [ -n "$known" ]
    ok "$page: lists the exercises $known" $?
done

# ---- fences -------------------------------------------------------------------------------

# fences.awk says of which kinds they may be, and who tests each kind.
echo "-- fences"
course() { # the pages that teach, and their notes
    find README.md notes chapters -name '*.md' | sort
}
fenced() { # fenced MARK PAGE: what stands below it
    awk -v mark="<!-- $1 -->" -f tests/fenced.awk "$2"
}
of_kind() { # of_kind KIND PAGE: what stands in fences ```KIND
    awk -v kind="$1" '/^ *```/ { inside = !inside && $0 ~ "```" kind "$"; next } inside' "$2"
}
command -v python3 >/dev/null 2>&1 || echo "NOT RUN: python3 isn't there to read its fences"
for page in $(course); do
    awk -f tests/fences.awk "$page"
    ok "$page: every fence is of a kind that is tested" $?
    awk -f tests/listing.awk "$page"
    ok "$page: its listings are the sources'" $?
    of_kind sh "$page" | sh -n
    ok "$page: its commands parse" $?
    if command -v python3 >/dev/null 2>&1; then
        of_kind python "$page" | python3 -c 'import ast, sys; ast.parse(sys.stdin.read())'
        ok "$page: its Python parses" $?
    fi
    grep -E '^<!-- (training|compare) output: ' "$page" | awk '{ print $2 }' | sort -u |
        while read -r kind; do
            grep -qF "<!-- $kind output: " "tests/test_$kind.sh" || echo "$kind"
        done >"$scratch/unread"
    [ ! -s "$scratch/unread" ]
    ok "$page: tests/test_$(cat "$scratch/unread").sh reads its outputs" $?
done

# What was measured once stands in every page that shows it with the same numbers.
agree() { # agree MARK PAGE...
    mark=$1
    shift
    first=$1
    for page in "$@"; do
        fenced "$mark" "$first" >"$scratch/there"
        if ! fenced "$mark" "$page" | cmp -s - "$scratch/there" || [ ! -s "$scratch/there" ]; then
            echo "      $mark: not the same in $first and $page"
            return 1
        fi
    done
}
# shellcheck disable=SC2046 # names of pages
grep -hE '^<!-- measured: ' $(course) | sed 's/<!-- //; s/ -->//' | sort -u >"$scratch/measured"
while read -r mark; do
    # shellcheck disable=SC2046 # names of pages
    agree "$mark" $(grep -lxF "<!-- $mark -->" $(course))
    ok "$mark: the same in every page" $?
done <"$scratch/measured"

# page LINE...: a page of these lines; refused by SCRIPT, with WORDS, or not.
page() {
    printf '%s\n' "$@" >"$scratch/page.md"
}
refused() { # refused WHAT SCRIPT WORDS
    ! awk -f "tests/$2" "$scratch/page.md" >"$scratch/out" && grep -qF "$3" "$scratch/out"
    ok "$1 is found" $?
}
page '```' 'PASS  all' '```'
refused "an output without its mark" fences.awk 'page.md:1: a fence (```)'
page '```c' 'int x;' '```'
refused "a listing without its file" fences.awk 'page.md:1: a fence (```c)'
page '<!-- output: ./chapter1 -->' '```text' 'x' '```'
refused "a mark before a fence of another kind" fences.awk 'page.md:2'
page '<!-- output: ./chapter1 -->' 'words' '```sh' 'make' '```'
refused "a mark that stands alone" fences.awk 'a mark without a fence'
page '```text' 'PASS  all' '```'
refused "an output that says it is text" fences.awk "a program's words"
page '```text' 'y = x'
refused "a fence that isn't closed" fences.awk 'not closed'
header='<!-- listing: common/tensor.h -->'
page "$header" '```c' '    real *data;                 /* the first ...' '...' '} Tensor;' '```'
awk -f tests/listing.awk "$scratch/page.md" && awk -f tests/fences.awk "$scratch/page.md"
ok "a listing with something left out stands in its file" $?
page "$header" '```c' '    float *data;                /* the first ...' '```'
refused "a listing of other words" listing.awk 'float'
page "$header" '```c' '} Tensor;' '...' '    real *data;                 /* the first ...' '```'
refused "a listing in another order" listing.awk 'real'
page "$header" '```c' 'typedef struct {' '    int ndim;                   /* 1 to 4 */' '```'
refused "a listing that leaves a line out and doesn't say so" listing.awk 'typedef'
page '<!-- listing: common/nothing.h -->' '```c' 'int x;' '```'
refused "a listing of no file" listing.awk 'nothing.h'

sed 's/^train tiny .*/& 1/' notes/measurements.md >"$scratch/page.md"
! agree 'measured: make bench' notes/measurements.md "$scratch/page.md" >/dev/null
ok "a measurement that differs between two pages is found" $?
page '```sh' 'make "test' '```' '```python' 'x = (1' '```'
! of_kind sh "$scratch/page.md" | sh -n 2>/dev/null
ok "a command that doesn't parse is found" $?
! of_kind python "$scratch/page.md" | python3 -c 'import ast, sys; ast.parse(sys.stdin.read())' 2>/dev/null
ok "Python that doesn't parse is found" $?

# ---- headers ------------------------------------------------------------------------------

# What a header's comment describes by name is declared there.
echo "-- headers"
# shellcheck disable=SC2046 # the repository's names have no spaces
awk -f tests/header_names.awk $(find common chapters tests -name '*.h')
ok "headers describe what they declare" $?
printf '/* gone_away: frees it. */\nvoid went_away(void);\n' >"$scratch/planted.h"
! awk -f tests/header_names.awk "$scratch/planted.h" >"$scratch/out" && grep -q gone_away "$scratch/out"
ok "a comment about a function that is gone is found" $?

# ---- outputs --------------------------------------------------------------------------------------

# A fence below <!-- output: COMMAND --> is what the command prints (same_output.awk).
echo "-- outputs"
outputs=0
for page in $(pages); do
    grep -oE '^<!-- output: [^>]* -->' "$page" | sed 's/<!-- output: //; s/ -->//' | sort -u \
        >"$scratch/commands"
    while read -r command; do
        outputs=$((outputs + 1))
        without_mpi "$command" && continue
        sh -c "$command" >"$scratch/got" 2>&1 </dev/null
        fenced "output: $command" "$page" >"$scratch/said"
        awk -v page="$page" -v command="$command" -f tests/same_output.awk \
            "$scratch/got" "$scratch/said"
        ok "$page: what $command prints" $?
    done <"$scratch/commands"
done
same() { # same SAID GOT...: is the line SAID what is printed, in the lines GOT?
    said=$1
    shift
    printf '%s\n' "$@" >"$scratch/got"
    echo "$said" >"$scratch/said"
    awk -v least=1 -v room="${room:-}" -f tests/same_output.awk "$scratch/got" "$scratch/said" >/dev/null
}
same 'loss 0.6870 ... test 0.8924' 'loss 0.6871 7000 images/s test 0.8930'
ok "... stands for words within a line" $?
! same 'loss 0.6870 ... test 0.8924' 'loss 0.6870 7000 images/s test 0.7924'
ok "a number after ... is compared" $?
room=0.01
same 'loss 0.6870 ... test 0.8924' 'loss 0.6990 7000 images/s test 0.9024'
ok "room for an accuracy, 2% for a loss" $?
! same 'loss 0.6870 ... test 0.8924' 'loss 0.6870 7000 images/s test 0.9034'
ok "an accuracy that is off by more is found" $?
room=

# A debugger's session: what is typed after (gdb), and what it answers.
for page in $(course); do
    grep -E '^<!-- session: gdb ' "$page" | sed 's/<!-- session: //; s/ -->//' >"$scratch/commands"
    while read -r command; do
        fenced "session: $command" "$page" >"$scratch/session"
        grep -vF -e '(gdb) ' -e "\$ $command" "$scratch/session" >"$scratch/said"
        set --
        while read -r typed; do
            set -- "$@" -ex "$typed"
        done <<END
$(sed -n 's/^(gdb) //p' "$scratch/session")
END
        # shellcheck disable=SC2086 # the command's words
        if ! gdb -q -batch -ex run --args true 2>&1 | grep -q 'exited normally'; then
            echo "NOT RUN: gdb isn't there, or may not run a program: $page: $command"
        else
            gdb -q -batch "$@" ${command#gdb } >"$scratch/got" 2>&1 </dev/null
            awk -v least=2 -v page="$page" -v command="$command" -f tests/same_output.awk \
                "$scratch/got" "$scratch/said"
            ok "$page: what $command answers" $?
        fi
    done <"$scratch/commands"
done

# The training run's comparison (tests/test_training.sh; the run itself takes minutes): a
# run that printed the pages' own lines passes; one with another accuracy doesn't.
for page in README.md chapters/05_*/README.md; do
    fenced 'training output: ./chapter5' "$page" | grep -v '^ *\.\.\.$'
done >"$scratch/trained"
sh tests/test_training.sh "$scratch/trained" >/dev/null
ok "the pages' own training run is what they show" $?
wrong_run() { # wrong_run WHAT WORDS SED: that run with a change
    sed "$3" "$scratch/trained" >"$scratch/changed"
    ! sh tests/test_training.sh "$scratch/changed" >"$scratch/out" && grep -qF "$2" "$scratch/out"
    ok "a training run with $1 is found" $?
}
wrong_run "another final accuracy" 'README.md: what' 's/^test accuracy: .*/test accuracy: 0.8778/'
wrong_run "another loss of the test" 'README.md: how many' 's/mean loss 0\.36.*/mean loss 0.33/'
wrong_run "a class that isn't learned" "the classes'" 's/^Shirt .*0\.69/Shirt            0.49/'
wrong_run "another first epoch" 'the first epoch' 's/^\(epoch  1.*test\) .*/\1 0.7018/'
wrong_run "an epoch less" 'README.md: what' '/^epoch 12/d'
wrong_run "another image" 'README.md: what' '/=%####*-/s/#/+/g'
# Accuracies are compared to the last digit: 2% would say nothing.
sh common/scripts/studies_table.sh >"$scratch/got"
ok "the studies have a table" $?
awk '/^<!-- output: sh common.scripts.studies_table/ { wanted = 1; next }
    /^```/ && wanted { inside = !inside; wanted = inside; next } inside' notes/studies.md |
    cmp -s - "$scratch/got"
ok "notes/studies.md has the table of notes/studies.csv, to the digit" $?
[ "$outputs" -ge 12 ]
ok "outputs were compared ($outputs)" $?

verdict
