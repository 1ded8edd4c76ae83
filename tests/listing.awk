# listing.awk: do the listings of a page stand in the source?
#     awk -f tests/listing.awk PAGE
# A fence below <!-- listing: FILE --> shows lines of FILE, one below the other as they
# stand there, indentation apart. A line `...` stands for lines that were left out, `...`
# at a line's end for its rest. Exit status: 0 if so.
function load(file) {
    count = 0
    while ((getline line < file) > 0) {
        sub(/^ +/, "", line)
        source[++count] = line
    }
    close(file)
}
function is(said, line) {
    if (said !~ /\.\.\.$/) return said == line
    said = substr(said, 1, length(said) - 3)
    return substr(line, 1, length(said)) == said
}
# The part from..to of the listing, in the source at line i.
function stands_at(i, from, to,   k) {
    for (k = from; k <= to; k++) if (!is(listing[k], source[i + k - from])) return 0
    return 1
}
# Every part between two lines `...`, below the one before it.
function stands(file,   from, to, i, last) {
    load(file)
    for (from = 1; from <= lines; from = to + 2) {
        for (to = from - 1; to < lines && listing[to + 1] !~ /^ *\.\.\.$/; to++) continue
        for (i = last + 1; i <= count && !stands_at(i, from, to); i++) continue
        if (i > count) {
            printf "      %s: not in %s, after its line %d:\n        %s\n",
                   FILENAME, file, last, listing[from]
            return 0
        }
        last = i + to - from
    }
    return lines > 0
}
!inside && /^ *<!-- listing: .* -->$/ { file = $3; next }
/^ *```/ {
    if (inside && !stands(file)) bad = 1
    inside = !inside && file != ""
    if (!inside) file = ""
    lines = 0
    next
}
inside {
    listing[++lines] = $0
    sub(/^ +/, "", listing[lines])
}
END { exit bad }
