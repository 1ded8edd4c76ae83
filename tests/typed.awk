# typed.awk: the commands that a page tells its readers to type, one per line, spaces made
# single. From a page (.md): what stands in ```sh fences and, if it begins as a command
# does, between backquotes or four spaces from the margin. From another file: the same in
# its comments, two spaces or more after the #.
#     awk -f tests/typed.awk PAGE
function print_command(c) {
    gsub(/[ \t]+/, " ", c)
    sub(/^ /, "", c)
    sub(/ $/, "", c)
    if (c != "" && c !~ /^#/) print c
}
function is_command(c) {
    return c ~ /^(make|sh|python3|docker|buildah|kubectl|apt-get|debootstrap|gnuplot|gdb|perf|ncu|pip|diff|sed|git|\/usr\/bin\/time)( |$)/ ||
        c ~ /^\.\/(chapter|build|common|tests|work)/ ||
        c ~ /^[A-Z][A-Z0-9_]*=[^ ]* +(make|\.\/|python3|sh ) */
}
function spans(text,   parts, n, i) { # between backquotes
    n = split(text, parts, "`")
    for (i = 2; i <= n; i += 2) if (is_command(parts[i])) print_command(parts[i])
}
FILENAME !~ /\.(md|py)$/ {
    if (!sub(/^#  +/, "")) next
    sub(/  +.*/, "")
    sub(/ \.\.\. .*/, " ...")
    if (is_command($0)) print_command($0)
    next
}
/^ *```/ {
    if (!inside) { spans(prose); prose = "" }
    inside = !inside
    in_sh = inside && $0 ~ /```sh *$/
    next
}
inside && in_sh {
    line = line $0
    if (sub(/\\$/, "", line)) next
    sub(/[ \t]+#.*/, "", line)
    print_command(line)
    line = ""
    next
}
inside { next }
/^    / || line != "" {
    text = $0
    sub(/^ +/, "", text)
    text = line text
    if (is_command(text) && (FILENAME ~ /\.md$/ || text ~ /^python3 /)) {
        line = text
        if (sub(/\\$/, "", line)) next
        sub(/    +.*/, "", line)
        print_command(line)
        line = ""
        next
    }
}
FILENAME ~ /\.md$/ { sub(/^> ?/, ""); prose = prose " " $0 }
END { spans(prose) }
