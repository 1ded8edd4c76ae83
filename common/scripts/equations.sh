#!/bin/sh
# equations.sh [--all]: for every tag of notes/equations.txt the places where it is computed,
# tested, drawn and explained: the first of each and how many more; with --all every one.
# Exit status 1 if a tag has no code, test or explanation, if one that is not built has no
# reason, or if a file cites an unknown tag. Run in the repository's root.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
all=no
[ "${1:-}" = --all ] && all=yes
list=notes/equations.txt

# Every citation, "file:line:[ViT eq.6, eq.7]".
cited() {
    find common chapters tests notes plots README.md -type f \
        \( -name '*.c' -o -name '*.h' -o -name '*.cu' -o -name '*.gp' -o -name '*.md' \) \
        -exec grep -HnoE '\[(AIAYN|ViT) [^]`]+\]' {} + | sort -t: -k1,1 -k2,2n
}

cited | awk -v all="$all" -v list="$list" '
    function trimmed(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
    # 1 code, 2 test, 3 plot, 4 note; a source before its header
    function kind(file) {
        if (file ~ /\.md$/) return 4
        if (file ~ /^tests\//) return 2
        if (file ~ /^plots\//) return 3
        return 1
    }
    # The line that computes it is in a layer, not in its header or a file'"'"'s first comment.
    function rank(file, place,   line) {
        line = place
        sub(/.*:/, "", line)
        if (file ~ /\.md$/) return file ~ /^notes\/[0-9]/ ? 2 : 1
        if (file ~ /\.h$/) return 1
        if (file ~ /(main|demo_[a-z_]*|dump_[a-z_]*|gradient_checks)\.c$/ || line + 0 < 12) return 2
        return file ~ /\.c$/ ? 4 : 3
    }
    function add(tag, place, file,   k, r) {
        k = kind(file)
        if (!(tag in what)) {
            printf "UNKNOWN  [%s] at %s: notes/equations.txt has no such tag\n", tag, place
            bad++
            return
        }
        at[tag, k, ++count[tag, k]] = place
        r = file == home[tag] ? 5 : rank(file, place)
        if (r > best_rank[tag, k]) { best_rank[tag, k] = r; best[tag, k] = place }
    }
    function show(tag, k,   n, i, name) {
        n = count[tag, k]
        name = name_of[k]
        if (!n) printf "    %-5s -\n", name
        else if (all == "yes")
            for (i = 1; i <= n; i++) printf "    %-5s %s\n", (i == 1 ? name : ""), at[tag, k, i]
        else
            printf "    %-5s %s%s\n", name, best[tag, k], (n > 1 ? " and " n - 1 " more" : "")
    }
    function missing(tag, text) { printf "MISSING  [%s] %s\n", tag, text; bad++ }
    BEGIN {
        split("code test plot note", name_of, " ")
        while ((getline line < list) > 0) {
            if (line ~ /^#/ || line ~ /^[ \t]*$/) continue
            split(line, part, "|")
            tag = trimmed(part[1])
            order[++tags] = tag
            state[tag] = trimmed(part[2])
            what[tag] = trimmed(part[3])
            if (state[tag] == "told") reason[tag] = trimmed(part[4])
            else home[tag] = trimmed(part[4])
        }
        if (!tags) { print "equations: " list " has no tags"; broken = 1; exit 1 }
    }
    {
        split($0, field, ":")
        file = field[1]
        place = file ":" field[2]
        tag_text = $0
        sub(/^[^[]*\[/, "", tag_text)
        sub(/\]$/, "", tag_text)
        paper = tag_text
        sub(/ .*/, "", paper)
        sub(/^[^ ]* /, "", tag_text)
        m = split(tag_text, each, /, (and )?/)
        for (i = 1; i <= m; i++) add(paper " " trimmed(each[i]), place, file)
    }
    END {
        if (broken) exit 1
        for (i = 1; i <= tags; i++) {
            tag = order[i]
            printf "[%s]  %s\n", tag, what[tag]
            if (state[tag] == "told") printf "    not built: %s\n", reason[tag]
            for (k = 1; k <= 4; k++)
                if (state[tag] != "told" || count[tag, k] || k == 4) show(tag, k)
        }
        print ""
        for (i = 1; i <= tags; i++) {
            tag = order[i]
            told = state[tag] == "told"
            if (!told && !count[tag, 1]) missing(tag, "has no code")
            if (!told && !count[tag, 2]) missing(tag, "has no test")
            if (!count[tag, 4]) missing(tag, "has no explanation")
            if (told && reason[tag] == "") missing(tag, "is not built, and no reason is given")
            if (home[tag] != "" && index(best[tag, 1], home[tag] ":") != 1)
                missing(tag, "is not cited in " home[tag])
        }
        if (bad) { printf "equations: %d mistakes\n", bad; exit 1 }
        printf "equations: each of %d tags is computed, tested and explained, or not built for a reason that is told\n", tags
    }'
