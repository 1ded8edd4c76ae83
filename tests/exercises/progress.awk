# progress.awk: see progress.sh. First come "chapter N TITLE" and "exercise N.M TITLE",
# then the lines of WORK/progress.
FNR == NR && $1 == "chapter" { chapters[$2] = rest(3); next }
FNR == NR { order[++count] = $2; title[$2] = rest(3); next }
$1 !~ /^[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]$/ || $2 !~ /^[0-9][0-9]:[0-9][0-9]$/ ||
    !($3 in title) || $4 !~ /^(passed|wrong|waits|unwritten)$/ { next }
{
    e = $3
    if (!(e in begun)) begun[e] = $1
    if ($4 == "passed") passed[e] = $1
    if ($4 ~ /^(passed|wrong)$/) attempts[e]++
    verdict[e] = $4
    last = e
    when = $1 " " $2
    known[substr(e, 1, 1)] = 1
}
END {
    n = split(old, gone)
    for (i = 1; i <= n; i++) {
        split(gone[i], part, ":")
        if (part[2] == "gone") missing[part[1]] = missing[part[1]] " " part[3]
        else before[part[1]] = part[2]
    }
    for (i = 1; i <= count; i++) {
        c = substr(order[i], 1, 1)
        if (c != chapter) begin_chapter(c)
        line(order[i])
    }
    printf "\n  In all: %d of %d passed.\n", all, count
    if (last != "") {
        printf "  Last: %s, %s (%s).\n", last, title[last], when
        for (turn = 0; turn < 2 && next_one == ""; turn++)
            for (i = 1; i <= count && next_one == ""; i++)
                if (verdict[order[i]] != "passed" && (turn || substr(order[i], 1, 1) >= substr(last, 1, 1)))
                    next_one = order[i]
    } else next_one = order[1]
    c = substr(next_one, 1, 1)
    if (next_one == "") print "  Nothing is left: the course is done."
    else if (system("test -d \"" work "/chapter" c "\"") == 0)
        printf "  Next: %s, %s: make grade E=%s\n", next_one, title[next_one], next_one
    else printf "  Next: %s, %s: make start N=%s\n", next_one, title[next_one], c
}
function begin_chapter(c,   i, done, of) {
    chapter = c
    for (i = 1; i <= count; i++) if (substr(order[i], 1, 1) == c) {
        of++
        done += verdict[order[i]] == "passed" && !(c in missing)
    }
    printf "\n%s. %s: %d of %d\n", c, chapters[c], done, of
    all += c in known ? done : before[c]
    if (c in missing)
        printf "  %s/chapter%s has no%s: nothing counts until make start N=%s\n", work, c, missing[c], c
    if (!(c in known) && before[c] != "")
        printf "  %d passed when they were last graded: make grade N=%s says which\n", before[c], c
}
function line(e,   tries) {
    tries = attempts[e] == 1 ? "1 attempt" : attempts[e] + 0 " attempts"
    if (verdict[e] == "passed")
        say = "passed " passed[e] (begun[e] != passed[e] ? ", begun " begun[e] : "") ", " tries
    else if (attempts[e] > 0)
        say = "tried, begun " begun[e] ", " tries (e in passed ? ", passed " passed[e] " but not now" : "")
    else say = "not begun"
    printf "  %-4s %-49s %s\n", e, cut(title[e], 49), say
}
# At most `most` characters of text, whole words.
function cut(text, most) {
    if (length(text) <= most) return text
    text = substr(text, 1, most - 3)
    sub(/[ ,;:(]+[^ ]*$/, "", text)
    return text " .."
}
function rest(from,   text, i) {
    text = $from
    for (i = from + 1; i <= NF; i++) text = text " " $i
    return text
}
