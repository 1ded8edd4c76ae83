#!/bin/sh
# hint.sh EXERCISE FOLDER: one step more of hints_N.txt than was asked for before; how many
# were shown is kept in FOLDER/hints. Model answers of questions in words are shown to who
# wrote an answer. See folder.sh.
# shellcheck source=tests/exercises/folder.sh
. tests/exercises/folder.sh
want_exercise N
e=$(echo "$asked" | sed 's/\(\.[1-6a-f]\)[a-z]$/\1/')
hints=tests/exercises/hints_$n.txt
[ -f "$hints" ] || fail 1 "chapter $n has no hints yet"
if ! grep -qxF -e "@ $e" "$hints" || { [ "$asked" != "$e" ] && ! grep -qxF -e "= $asked" "$hints"; }; then
    fail 2 "there is no exercise $asked: make hint N=$(sed -n 's/^@ //p' "$hints" | tr '\n' ' ' |
        sed 's/ $//; s/ / or N=/g')"
fi
[ -d "$folder" ] || fail 1 "there is no $folder: make start N=$n"

# written QUESTION: its answer in answers.txt has five different words; numbers count for nothing.
written() {
    awk -v id="$1" '
        { line = $0; sub(/\r$/, "", line); sub(/^ */, "", line) }
        index(line, id) == 1 && substr(line, length(id) + 1) ~ /^ *=/ {
            sub(/^[^=]*=/, "", line)
            sub(/#.*/, "", line)
            n = split(tolower(line), words, "[^a-z\\047]+")
            split("one two three four five six seven eight nine ten", numbers)
            different = 0
            for (i in numbers) seen[numbers[i]] = 1
            for (i = 1; i <= n; i++) if (words[i] != "" && !(words[i] in seen)) {
                seen[words[i]] = 1
                different++
            }
            if (different >= 5) found = 1
        }
        END { exit !found }' "$folder/answers.txt" 2>/dev/null
}
# paragraphs MARK: what stands below it, up to the next mark.
paragraphs() {
    awk -v mark="$1" '
        /^[@=] [1-8][.][1-6a-f][a-z]?$/ { inside = $0 == mark; next }
        /^#/ { next }
        inside' "$hints"
}
model_answer() { # of QUESTION
    echo
    if written "$1"; then
        echo "  $1, one way to say it; compare it with yours:"
        echo
        paragraphs "= $1" | sed 's/^./    &/' | awk 'NF || n { n++; print }'
    else
        echo "  $1 is yours to say first: one sentence of five different words after \"$1 =\" in"
        echo "  $folder/answers.txt. Then this shows an answer to compare it with."
    fi
}

if [ "$asked" != "$e" ]; then
    model_answer "$asked"
    exit 0
fi
shown=$(awk -v id="$e" '$1 == id && $2 ~ /^[123]$/ && $2 > n { n = $2 } END { print n + 0 }' \
    "$folder/hints" 2>/dev/null || echo 0)
paragraphs "@ $e" | awk -v id="$e" -v shown="$shown" '
    BEGIN { split("a nudge,the idea,the recipe", name, ","); last = shown < 3 ? shown + 1 : 3 }
    /^ *$/ { between = 1; next }
    between || !step {
        step++
        between = 0
        if (step <= last)
            printf "\n  %s, %s (%d of 3%s)\n\n", id, name[step], step, step <= shown ? ", seen before" : ""
    }
    step <= last { print "    " $0 }'
if [ "$shown" -lt 3 ]; then
    echo "$e $((shown + 1))" >>"$folder/hints" ||
        echo "(it can't be kept in $folder/hints, so the next is the same)"
fi
sed -n "s/^= \(${e}[a-z]\)\$/\1/p" "$hints" | while read -r question; do
    model_answer "$question"
done
echo
case $shown in
0 | 1) echo "  One more: make hint N=$e" ;;
*) echo "  There are no more of $e: the recipe was the last." ;;
esac
