# fill.awk: a template with its {names} filled in. Each value is the text of a file of that
# name in the folder `values`, or the line `name | value` of the files before the template.
#     awk -v values=DIR -f fill.awk words.txt template.html
function value_of(name,   line, text, file) {
    if (name in words) return words[name]
    file = values "/" name
    while ((getline line < file) > 0) text = text (text == "" ? "" : "\n") line
    close(file)
    return text
}
FILENAME !~ /\.html$/ {
    if ($0 !~ /^#/ && (at = index($0, " | "))) words[substr($0, 1, at - 1)] = substr($0, at + 3)
    next
}
{
    rest = $0
    line = ""
    while (match(rest, /\{[a-z-]+\}/)) {
        name = substr(rest, RSTART + 1, RLENGTH - 2)
        line = line substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + RLENGTH)
        line = line value_of(name)
    }
    print line rest
}
