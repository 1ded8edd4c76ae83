#!/bin/sh
# test_pages.sh: what the pages say is so: every equation's tag has its code, test and
# explanation; links lead somewhere; targets, options and outputs that are named exist.
# Run from the repository's root, where the chapters have been built.
set -u
LC_ALL=C
export LC_ALL

scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
passed=0
failed=0

ok() { # ok WHAT STATUS
    if [ "$2" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $1"
    fi
}

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
unknown_tag() { echo '/* [ViT eq.9] */' >>common/softmax.c; }
no_test() { find tests -name '*.c' -exec sed -i 's/\[AIAYN fn.4\]/the footnote/' {} +; }
no_code() { find common chapters -name '*.[ch]' -exec sed -i 's/\[ViT 3\.1\]/3.1/' {} + &&
    find chapters -name '*.cu' -exec sed -i 's/\[ViT 3\.1\]/3.1/' {} +; }
no_note() { find . -name '*.md' -exec sed -i 's/\[ViT T\.8\]/Table 8/' {} +; }
no_home() { sed -i 's/\[AIAYN eq.3\]/eq. 3/' chapters/05_*/schedule.c; }
no_list() { : >notes/equations.txt; }
planted "an unknown tag is found" 'UNKNOWN  \[ViT eq.9\] at common/softmax.c:' unknown_tag
planted "a tag without a test is found" 'MISSING  \[AIAYN fn.4\] has no test' no_test
planted "a tag without code is found" 'MISSING  \[ViT 3.1\] has no code' no_code
planted "a tag without an explanation is found" 'MISSING  \[ViT T.8\] has no expl' no_note
planted "a file that lost its tag is found" 'MISSING  \[AIAYN eq.3\] is not cited in' no_home
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
        grep -qE "^(\.PHONY:.* )?$target( |:|\$)|^\.PHONY:.* $target( |\$)" Makefile ||
            echo "$target" | grep -qE '^chapter[1-6]$'
        ok "$page: make $target" $?
    done
    for option in $(grep -oE '\./chapter[1-6]( +[^ |;&)]+)*' "$scratch/code" |
        awk '{ for (i = 2; i <= NF; i++) if ($i ~ /^--[a-z]/) print substr($1, 3) $i }' |
        sed 's/[^a-z0-9-]*$//' | sort -u); do
        program=${option%%--*}
        "./$program" --help >"$scratch/help" 2>&1
        grep -q -e "--${option#*--}" "$scratch/help"
        ok "$page: ./$program --${option#*--}" $?
    done
done

# ---- the lessons' order -------------------------------------------------------------------

echo "-- lessons"
in_order() { # in_order FILE: the twelve headings of a lesson, these and no others
    cat >"$scratch/wanted" <<'END'
## What you have, what you build, time
## The equations
## Symbols
## A worked example by hand
## The forward pass
## The backward pass
## Where we differ from the papers
## Run it
## The plot and how to read it
## Exercises
## Summary
## What changed, and what is next
END
    grep '^## ' "$1" | cmp -s - "$scratch/wanted"
}
for page in chapters/0*/README.md; do
    in_order "$page"
    ok "$page: the lessons' headings in their order" $?
done
grep -v '^## Summary' chapters/02_*/README.md >"$scratch/lesson"
! in_order "$scratch/lesson"
ok "a lesson without its summary is found" $?

# ---- exercises ----------------------------------------------------------------------------

echo "-- exercises"
for n in 1 2 3 4 5 6; do
    page=$(echo chapters/0"$n"_*/README.md)
    listed=$(sed -n '/^## Exercises/,/^## [^E]/p' "$page" | grep -oE "^\\| $n\\.[1-6] " | tr -d '| ' | tr '\n' ' ')
    known=$(grep -oE "^ *\\{\"$n\\.[1-6]\"" "tests/exercises/exercises_$n.c" | grep -oE '[1-6]\.[1-6]' | tr '\n' ' ')
    [ "$listed" = "$known" ] && [ -n "$known" ]
    ok "$page: lists the exercises $known" $?
done

# ---- outputs --------------------------------------------------------------------------------------

# A fence after <!-- output: COMMAND --> is what the command prints (same_output.awk).
# After <!-- training output: ./chapter5 -->: what two minutes of training print; that is
# for tests/test_training.sh.
echo "-- outputs"
fences() { # fences MARK PAGE: what stands in the fences after MARK
    awk -v mark="$1" '
        $0 == mark { wanted = 1; next }
        /^```/ { if (inside) inside = 0; else if (wanted) { inside = 1; wanted = 0 }; next }
        inside { print }' "$2"
}
outputs=0
for page in $(pages); do
    grep -oE '^<!-- output: [^>]* -->' "$page" | sed 's/<!-- output: //; s/ -->//' | sort -u \
        >"$scratch/commands"
    while read -r command; do
        outputs=$((outputs + 1))
        sh -c "$command" >"$scratch/got" 2>&1 </dev/null
        fences "<!-- output: $command -->" "$page" >"$scratch/said"
        awk -v page="$page" -v command="$command" -f tests/same_output.awk \
            "$scratch/got" "$scratch/said"
        ok "$page: what $command prints" $?
    done <"$scratch/commands"
done
# Accuracies are compared to the last digit: 2% would say nothing.
sh common/scripts/studies_table.sh >"$scratch/got"
ok "the studies have a table" $?
awk '/^<!-- output: sh common.scripts.studies_table/ { wanted = 1; next }
    /^```/ && wanted { inside = !inside; wanted = inside; next } inside' notes/studies.md |
    cmp -s - "$scratch/got"
ok "notes/studies.md has the table of notes/studies.csv, to the digit" $?
[ "$outputs" -ge 4 ]
ok "outputs were compared ($outputs)" $?

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
