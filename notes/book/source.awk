# source.awk: a source file as the body of a page: a list of its lines, tags that lead back to
# the pages. Lines to which a page leads have their names, L12; book.js names the others.
#     awk -v tags=FILE -v lines=FILE -v name=PATH -f code.awk -f source.awk PATH
BEGIN {
    language = language_of(name)
    while ((getline line < lines) > 0) { # PATH.html#L12
        split(line, part, ".html#L")
        if (part[1] == name) named[part[2]]
    }
    printf "<h1>%s</h1>\n<ol class=\"lines\">", name
}
{
    gsub(/&/, "\\&amp;")
    gsub(/</, "\\&lt;")
    gsub(/>/, "\\&gt;")
    printf "<li%s>%s\n", NR in named ? " id=L" NR : "", coloured($0, language)
}
END { print "</ol>" }
