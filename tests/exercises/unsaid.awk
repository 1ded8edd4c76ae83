# unsaid.awk: of what compilers don't warn: divisions of whole numbers whose result is to be
# a real number, and results that are thrown away. Prints lines like a compiler's:
#     awk -f unsaid.awk common/tensor.h FILE...
# From the header come the functions that return something.
BEGIN {
    returns["sqrt"] = returns["exp"] = returns["sin"] = returns["cos"] = returns["pow"] = 1
}
FNR == 1 {
    header = FILENAME ~ /\.h$/ && FILENAME ~ /^(common|chapters)\//
    comment = 0
    split("", is_int)
}
header {
    if (/^(static inline )?(const )?(Tensor|real|double|float|int|long|bool|size_t) \**[a-z_0-9]+\(/) {
        name = $0
        sub(/\(.*/, "", name)
        sub(/.*[ *]/, "", name)
        returns[name] = 1
    }
    next
}
{
    line = $0
    gsub(/\/\*[^*]*\*\//, " ", line)
    if (comment) {
        if (line !~ /\*\//) next
        sub(/.*\*\//, "", line)
        comment = 0
    }
    if (line ~ /\/\*/) {
        sub(/\/\*.*/, "", line)
        comment = 1
    }
    sub(/\/\/.*/, "", line)
    gsub(/"([^"\\]|\\.)*"/, "\"\"", line)
    if (line ~ /^[A-Za-z_].*\(/) split("", is_int) # a function's head
    ints(line)
    divisions(line)
    thrown_away(line)
    before = line ~ /[^ ]/ ? line : before
}
# The names that are declared whole here: "int i = 0, n = 3", "(int n, int m".
function ints(text,   part, n, i, name) {
    while (match(text, /(^|[^A-Za-z0-9_])(int|long|size_t|unsigned) +[A-Za-z_][A-Za-z0-9_]*( *=[^,;()]*(\([^()]*\))?[^,;()]*)?(, *[A-Za-z_][A-Za-z0-9_]* *=[^,;()]*(\([^()]*\))?[^,;()]*)*/)) {
        n = split(substr(text, RSTART, RLENGTH), part, ",")
        text = substr(text, RSTART + RLENGTH)
        for (i = 1; i <= n; i++) {
            name = part[i]
            sub(/ *=.*/, "", name)
            sub(/.* /, "", name)
            if (name ~ /^[A-Za-z_][A-Za-z0-9_]*$/) is_int[name] = 1
        }
    }
    # and those that are real are not
    while (match(text, /(^|[^A-Za-z0-9_])(real|double|float) +[A-Za-z_][A-Za-z0-9_]*/)) {
        name = substr(text, RSTART, RLENGTH)
        sub(/.* /, "", name)
        delete is_int[name]
        text = substr(text, RSTART + RLENGTH)
    }
}
function is_whole(word) {
    return word ~ /^[0-9]+$/ || word in is_int
}
# "1 / 2", "1 / n" where neither is real and nothing real was multiplied with before; not
# where a whole number is wanted: in an index, in what an int becomes.
function divisions(text,   rest, at, left, right, behind, front) {
    if (text ~ /^ *(for|if|while|switch|case|return \(?int\)?|enum|#)/ || text ~ /^ *(const |static )*(int|long|size_t|unsigned) /) return
    if (text !~ /^ *(const |static )*(real|double|float) |^ *return|[*+\/-]?= |\(/) return
    rest = text
    front = ""
    while (match(rest, /[A-Za-z_0-9.]+ *\/ *[A-Za-z_0-9.]+/)) {
        at = substr(rest, RSTART, RLENGTH)
        front = front substr(rest, 1, RSTART - 1)
        behind = substr(rest, RSTART + RLENGTH)
        left = right = at
        sub(/ *\/.*/, "", left)
        sub(/.*\/ */, "", right)
        if (left ~ /^[0-9]+$/ && is_whole(right) && (right !~ /^[0-9]+$/ || left % right != 0) && fits(front, behind))
            say(at " is a whole number")
        else if (is_whole(left) && is_whole(right) && text ~ /^ *(const |static )*(real|double|float) [A-Za-z_0-9]+ *= *[A-Za-z_0-9]+ *\/ *[A-Za-z_0-9]+ *;/)
            say(at " is a whole number")
        front = front at
        rest = behind
    }
}
function fits(front, behind,   name) {
    sub(/ +$/, "", front)
    if (front ~ /[A-Za-z0-9_.)*\/%<>&|]$/ && front !~ /(^|[^A-Za-z0-9_])return$/) return 0
    if (front ~ /\[[^]]*$/ || behind ~ /^ *[.([]/ || behind ~ /^->/) return 0
    # the same to the variable that it is given to
    if (match(front, /[A-Za-z_][A-Za-z0-9_]* *[-+*\/]?=/)) {
        name = substr(front, RSTART, RLENGTH)
        sub(/ *[-+*\/]?=$/, "", name)
        if (name in is_int) return 0
    }
    return 1
}
# A statement that is one call of such a function.
function thrown_away(text,   name) {
    if (before !~ /[;{})]$/ && before != "") return # it may go on there
    if (text !~ /^ +[a-z_0-9]+\(.*\);$/ || text ~ /[^=!<>]=[^=]/) return
    name = text
    sub(/^ +/, "", name)
    sub(/\(.*/, "", name)
    if (name in returns) say("the result of '" name "' is thrown away")
}
function say(what) {
    print FILENAME ":" FNR ":1: warning: " what " [-Wunsaid]"
}
