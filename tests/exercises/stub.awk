# stub.awk: a source with its exercises cut out, as a student finds it.
#
#     /* exercise 2.3 */        what is between these two lines becomes
#     /* end of exercise 2.3 */ NOT_WRITTEN("2.3"), to be replaced
#                               of an exercise that has a file given_2.3.txt here, with its
#                               lines below: code to be repaired
#     /* exercise 2.3, cut: */  the same, but nothing is put in its place (a helper)
#     "name" /* not in your copy */   the name of such a helper: "(name)" in the copy
#
# Exit status 1, and a line, where marks don't fit together.
/^ *\/\* exercise [1-8]\.[1-6a-f](, cut:)? \*\/$/ {
    if (inside != "") fail("exercise within exercise " inside)
    inside = $3
    sub(/,$/, "", inside)
    if ($0 !~ /cut:/) {
        indent = $0
        sub(/\/.*/, "", indent)
        given = "tests/exercises/given_" inside ".txt"
        repair = (getline line <given) > 0
        print indent "/* Exercise " inside (repair ? ": repair this; the next line goes first. */" : ": write this. */")
        print indent "NOT_WRITTEN(\"" inside "\");"
        for (; repair; repair = (getline line <given) > 0) print line == "" ? "" : indent line
        close(given)
    }
    next
}
/^ *\/\* end of exercise [1-8]\.[1-6a-f] \*\/$/ {
    if (inside != $5) fail("the end of " $5 " within " (inside == "" ? "none" : inside))
    inside = ""
    next
}
/\/\* (exercise|end of exercise) [0-9]/ { fail("a mark that isn't one") }
inside == "" && included && /^#include "common\/error.h"$/ { next }
match($0, /"[a-z]+" \/\* not in your copy/) {
    name = substr($0, RSTART + 1)
    sub(/".*/, "", name)
    $0 = substr($0, 1, RSTART) "(" name ")" substr($0, RSTART + length(name) + 1)
}
inside == "" { print }
inside == "" && /^#include "/ && !included {
    print "#include \"common/error.h\" /* NOT_WRITTEN, bug */"
    included = 1
}
END { if (!failed && inside != "") fail("exercise " inside " has no end") }

function fail(why) {
    if (!failed) printf "%s:%d: %s\n", FILENAME, FNR, why >"/dev/stderr"
    failed = 1
    exit 1
}
