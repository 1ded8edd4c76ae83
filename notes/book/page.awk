# page.awk: a page's body as pandoc writes it, with tags that are links, coloured code, and
# no style="...", which the pages' policy forbids. Appends "tag, tab, page" to `cited`.
#     awk -v tags=FILE -v cited=FILE -v page=NAME -f code.awk -f page.awk body.html
{
    gsub(/ style="text-align: right;"/, " class=\"right\"")
    gsub(/ style="text-align: center;"/, " class=\"center\"")
    gsub(/ style="[^"]*"/, "")
    gsub(/<mo>ℓ<\/mo>/, "<mi>ℓ</mi>") # an index, without an operator's spaces
    rest = $0
    line = ""
    while (match(rest, /<[^>]*>/)) {
        element = substr(rest, RSTART, RLENGTH)
        before = substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + RLENGTH)
        line = line words(before) element
        if (element ~ /^<pre/) {
            name = element
            sub(/^<pre( class=")?/, "", name)
            sub(/"?>$/, "", name)
            language = language_of(name)
            in_pre = 1
            in_comment = 0
        } else if (element == "</pre>") in_pre = 0
        else if (element ~ /^<(a|math|figcaption aria)[ >]/) in_link = 1
        else if (element ~ /^<\/(a|math|figcaption)>/) in_link = 0
    }
    print line words(rest)
}
function words(text) {
    if (in_link || text == "") return text
    if (in_pre && language != "none") return coloured(text, language)
    return with_tags(text)
}
END { for (tag in tag_seen) printf "%s\t%s\n", tag, page >>cited }
