# header_names.awk: is what a header's comments describe declared in it?
#     awk -f header_names.awk FILE.h...
# A comment block that begins with names and a colon (gpu_free: ..., or a, b: ...) is
# about functions, types or macros: each name must stand in the header outside of
# comments. Prints those that don't; exit status 1 if there are any.
function finish(   i) {
    for (i = 1; i <= count; i++)
        if (code !~ "(^|[^A-Za-z0-9_])" names[i] "([^A-Za-z0-9_]|$)") {
            print file ": " names[i] " is described, not declared"
            bad = 1
        }
    count = 0
    code = ""
}
FNR == 1 {
    finish()
    file = FILENAME
    inside = begins = 0
}
{
    line = $0
    text = line
    if (!inside && line ~ /^[ \t]*\/\*/) begins = 1
    if (inside || begins) {
        text = line
        sub(/^[ \t]*(\/\*|\*)?[ \t]*/, "", text)
        if (begins && text != "") {
            if (match(text, /^[a-z][A-Za-z0-9]*_[A-Za-z0-9_]*(, [a-z][A-Za-z0-9_]*)*: /)) {
                n = split(substr(text, 1, RLENGTH - 2), listed, ", ")
                for (i = 1; i <= n; i++) names[++count] = listed[i]
            }
            begins = 0
        }
        inside = line !~ /\*\//
        if (!inside) begins = 0
        next
    }
    sub(/\/\*.*/, "", line)
    code = code "\n" line
    if ($0 ~ /\/\*/ && $0 !~ /\*\//) inside = 1
}
END {
    finish()
    exit bad
}
