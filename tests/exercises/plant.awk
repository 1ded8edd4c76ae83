# plant.awk: bug number `bug` of bugs.txt, planted in the source after it:
#     awk -v bug=3 -f plant.awk bugs.txt source.c
# In bugs.txt "@ file" begins a bug; "- line" is replaced by the "+ line"s that follow,
# whatever its indentation, each time it occurs within an exercise; if it occurs in none,
# wherever it does.
FNR == NR {
    if (/^@ /) number++
    if (number != bug) next
    if (/^- /) old[++pairs] = substr($0, 3)
    if (/^\+/) fresh[pairs] = fresh[pairs] (fresh[pairs] == "" ? "" : "\n") substr($0, 3)
    next
}
{
    text[++lines] = line = $0
    sub(/^ */, "", line)
    if (line ~ /^\/\* exercise [1-8]\.[1-6]/) within = 1
    for (i = 1; i <= pairs; i++) if (line == old[i]) {
        which[lines] = i
        inside[lines] = within
        found[i] += within ? 1 : 0
        anywhere[i] = 1
        break
    }
    if (line ~ /^\/\* end of exercise/) within = 0
}
END {
    for (l = 1; l <= lines; l++) {
        i = which[l]
        print i && (inside[l] || !found[i]) ? fresh[i] : text[l]
    }
    for (i = 1; i <= pairs; i++) if (!anywhere[i]) {
        print "plant.awk: bug " bug ": no line \"" old[i] "\"" >"/dev/stderr"
        exit 1
    }
}
