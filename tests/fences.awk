# fences.awk: every fence of a page is of a kind that some test looks at.
#     awk -f tests/fences.awk PAGE
# Below a mark, a line of its own:
#     <!-- output: COMMAND -->          run by tests/test_pages.sh and compared
#     <!-- session: COMMAND -->         a debugger's, too: what follows (gdb) is typed
#     <!-- training output: COMMAND --> by tests/test_training.sh
#     <!-- compare output: PATCH -->    by tests/test_compare.sh, with that bug planted
#     <!-- measured: COMMAND -->        takes long, or wants what isn't here: only the same
#                                       in every page that shows it
#     <!-- listing: FILE -->            ```c, ```sh, ...: source text, as it stands in FILE
# Without one:
#     ```sh       commands: whether they parse; their targets and options
#     ```python   another program's: whether it parses
#     ```text     a formula, a calculation by hand, a table, a drawing
# Exit status: 0 if each is one of these.
function complain(what) { printf "      %s:%d: %s\n", FILENAME, FNR, what; bad = 1 }
inside && /^ *```/ { inside = 0; next }
inside {
    if (kind == "text" && /(PASS|FAIL)  /) complain("a program's words, marked as text")
    next
}
/^ *<!-- (output|session|training output|compare output|measured|listing): .* -->$/ {
    if (mark) complain("a mark without a fence stands above")
    mark = $0
    sub(/^ *<!-- /, "", mark)
    sub(/:.*/, "", mark)
    next
}
/^ *```/ {
    inside = 1
    kind = $0
    sub(/^ *```/, "", kind)
    if (mark == "listing" ? kind == "" : mark ? kind != "" : kind !~ /^(sh|python|text)$/)
        complain("a fence (```" kind ") of no kind that is tested; tests/fences.awk has them")
    mark = ""
    next
}
mark && /[^ ]/ { complain("a mark without a fence stands above"); mark = "" }
END {
    if (inside) complain("a fence is not closed")
    exit bad
}
