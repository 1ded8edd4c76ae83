#!/bin/sh
# equations.sh [--all | --table PAPER]: for every tag of notes/equations.txt the places
# where it is computed, tested, drawn and explained: the first of each and how many more;
# with --all every one; with --table a line for each of AIAYN's or ViT's. Exit status 1 if a tag has no code, test or explanation, if one that is
# not built has no reason, or if a file cites an unknown tag. Run in the repository's root.
set -u
# shellcheck source=common/scripts/portable.sh
. "${0%/*}/portable.sh"
all=no
[ "${1:-}" = --all ] && all=yes
table=
[ "${1:-}" = --table ] && table=${2:?which paper: AIAYN or ViT}
list=notes/equations.txt

# Every citation, "file:line:[ViT eq.6, eq.7]".
cited() {
    find common chapters tests notes plots README.md -type f \
        \( -name '*.c' -o -name '*.h' -o -name '*.cu' -o -name '*.gp' -o -name '*.md' \) \
        -exec grep -HnoE '\[(AIAYN|ViT) [^]`]+\]' {} + | sort -t: -k1,1 -k2,2n
}

cited | awk -v all="$all" -v table="$table" -v list="$list" '
    function trimmed(s) { gsub(/^[ \t]+|[ \t]+$/, "", s); return s }
    # 1 code, 2 test, 3 plot, 4 note; a source before its header
    function kind(file) {
        if (file ~ /\.md$/) return 4
        if (file ~ /^tests\//) return 2
        if (file ~ /^plots\//) return 3
        return 1
    }
    # The line that computes it is in a layer, not in its header or at a file'"'"'s head.
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
        n = ++count[tag, k]
        at[tag, k, n] = place
        r = file == home[tag] ? 5 : rank(file, place)
        if (r > best_rank[tag, k]) { best_rank[tag, k] = r; best[tag, k] = place }
    }
    function show(tag, k, name,   n, i, first) {
        n = count[tag, k]
        if (!n) { printf "    %-5s -\n", name; return }
        if (all == "yes") {
            for (i = 1; i <= n; i++) printf "    %-5s %s\n", i == 1 ? name : "", at[tag, k, i]
            return
        }
        first = ((tag, k) in best) ? best[tag, k] : at[tag, k, 1]
        printf "    %-5s %s", name, first
        if (n > 1) printf " and %d more", n - 1
        printf "\n"
    }
    function need(tag, k, name) {
        if (!count[tag, k]) { printf "MISSING  [%s] has no %s\n", tag, name; bad++ }
    }
    BEGIN {
        split("code test plot", name_of, " ")
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
        if (table != "") {
            for (i = 1; i <= tags; i++) {
                tag = order[i]
                if (tag !~ "^" table " ") continue
                # Without brackets: a table in a page is no explanation.
                printf "%-12s  %s\n", tag, what[tag]
                printf "              %s\n", state[tag] == "told" ? "not built: " reason[tag] : best[tag, 1]
            }
            exit bad > 0
        }
        for (i = 1; i <= tags; i++) {
            tag = order[i]
            printf "[%s]  %s\n", tag, what[tag]
            if (state[tag] == "told") printf "    not built: %s\n", reason[tag]
            for (k = 1; k <= 3; k++)
                if (state[tag] != "told" || count[tag, k]) show(tag, k, name_of[k])
            show(tag, 4, "note")
        }
        print ""
        for (i = 1; i <= tags; i++) {
            tag = order[i]
            if (state[tag] != "told") {
                need(tag, 1, "code")
                need(tag, 2, "test")
            }
            need(tag, 4, "explanation")
            if (state[tag] == "told" && reason[tag] == "") {
                printf "MISSING  [%s] is not built, and no reason is given\n", tag
                bad++
            }
            if (home[tag] != "" && index(best[tag, 1], home[tag] ":") != 1) {
                printf "MISSING  [%s] is not cited in %s\n", tag, home[tag]
                bad++
            }
        }
        if (bad) { printf "equations: %d mistakes\n", bad; exit 1 }
        printf "equations: each of %d tags is computed, tested and explained, or not built for a reason that is told\n", tags
    }'
