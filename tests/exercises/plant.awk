# plant.awk: bug number `bug` of bugs.txt, planted in the source after it:
#     awk -v bug=3 -f plant.awk bugs.txt source.c
# In bugs.txt "@ file" begins a bug; "- line" is replaced by the "+ line"s that follow,
# each time it occurs, whatever its indentation.
FNR == NR {
    if (/^@ /) number++
    if (number != bug) next
    if (/^- /) old[++pairs] = substr($0, 3)
    if (/^\+/) fresh[pairs] = fresh[pairs] (fresh[pairs] == "" ? "" : "\n") substr($0, 3)
    next
}
{
    line = $0
    sub(/^ */, "", line)
    for (i = 1; i <= pairs; i++) if (line == old[i]) { print fresh[i]; found[i] = 1; next }
    print
}
END { for (i = 1; i <= pairs; i++) if (!found[i]) { print "plant.awk: bug " bug ": no line \"" old[i] "\"" >"/dev/stderr"; exit 1 } }
