# sections.awk: a page's sections as JSON arrays, one a line: [page, title, id, heading, text].
#     awk -v page=NAME -v title=TITLE -f sections.awk body.html
function plain(html) {
    gsub(/<math.*<\/math>/, " ", html)
    gsub(/<a class="anchor".*<\/a>/, "", html)
    gsub(/<\/(p|li|td|th|tr|pre|figcaption)>/, " ", html)
    gsub(/<[^>]*>/, "", html)
    gsub(/&lt;/, "<", html)
    gsub(/&gt;/, ">", html)
    gsub(/&quot;/, "\"", html)
    gsub(/&amp;/, "\\&", html)
    gsub(/[ \t]+/, " ", html)
    return html
}
function quoted(text) {
    gsub(/\\/, "\\\\\\\\", text)
    gsub(/"/, "\\\"", text)
    gsub(/[\001-\037]/, " ", text)
    return "\"" text "\""
}
function finish() {
    if (heading != "" || text ~ /[^ ]/)
        print "[" quoted(page) "," quoted(title) "," quoted(id) "," quoted(heading) "," \
            quoted(text) "]"
    text = ""
}
/^<h[1-4] / {
    finish()
    id = $0
    sub(/^<h[1-4] id="/, "", id)
    sub(/".*/, "", id)
    heading = plain($0)
    next
}
{ text = text " " plain($0) }
END { finish() }
