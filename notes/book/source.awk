# source.awk: a source file as the body of a page: each line an anchor, tags that lead back
# to the pages.
#     awk -v tags=FILE -v name=PATH -f code.awk -f source.awk PATH
BEGIN {
    language = language_of(name)
    printf "<h1>%s</h1>\n<pre class=\"source\"><code>", name
}
{
    gsub(/&/, "\\&amp;")
    gsub(/</, "\\&lt;")
    gsub(/>/, "\\&gt;")
    printf "<i id=L%d>%s\n</i>", NR, coloured($0, language)
}
END { print "</code></pre>" }
