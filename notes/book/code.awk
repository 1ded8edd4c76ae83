# code.awk: what pages and source pages share: tags of equations become links, and code gets
# colours. `tags` names a file of lines "tag, tab, href"; text is HTML, without elements.

function read_tags(file,   line, part) {
    while ((getline line < file) > 0) {
        split(line, part, "\t")
        tag_href[part[1]] = part[2]
    }
    close(file)
}

# [ViT eq.6, eq.7] with a link for each; the first of a page has an id. What is found is
# counted in tag_seen.
function with_tags(text,   done, inside, paper, each, n, i, tag) {
    while (match(text, /\[(AIAYN|ViT) [^]`\[]+\]/)) {
        inside = substr(text, RSTART + 1, RLENGTH - 2)
        done = done substr(text, 1, RSTART) # with the bracket
        text = substr(text, RSTART + RLENGTH)
        paper = inside
        sub(/ .*/, "", paper)
        sub(/^[^ ]* /, "", inside)
        n = split(inside, each, /, (and )?/)
        for (i = 1; i <= n; i++) {
            tag = paper " " each[i]
            done = done (i == 1 ? "" : ", ") tag_link(tag, i == 1 ? tag : each[i])
        }
        done = done "]"
    }
    return done text
}
function tag_link(tag, shown,   id) {
    id = "tag-" tag
    gsub(/[^A-Za-z0-9.]+/, "-", id)
    id = tag_seen[tag]++ ? "" : " id=\"" id "\""
    if (tag in tag_href) return "<a class=\"tag\"" id " href=\"" tag_href[tag] "\">" shown "</a>"
    return id == "" ? shown : "<span" id ">" shown "</span>"
}

# One line of code in colours: <em> comments, <q> strings, <b> C's words. in_comment goes on from line
# to line. Languages: c; hash, where comments begin with #; none.
function coloured(line, language,   done, at, word) {
    if (language == "c") {
        if (line ~ /^ *#/ && !in_comment) return "<b>" line "</b>"
        for (;;) {
            if (in_comment) {
                at = index(line, "*/")
                if (!at) return done comment(line)
                in_comment = 0
                done = done comment(substr(line, 1, at + 1))
                line = substr(line, at + 2)
            }
            if (!match(line, /\/\*|\/\/|&quot;|'|"|[A-Za-z_][A-Za-z_0-9]*/)) return done line
            done = done substr(line, 1, RSTART - 1)
            word = substr(line, RSTART, RLENGTH)
            line = substr(line, RSTART + RLENGTH)
            if (word == "/*") {
                in_comment = 1
                line = word line
                at = index(substr(line, 3), "*/")
                if (at) {
                    in_comment = 0
                    done = done comment(substr(line, 1, at + 3))
                    line = substr(line, at + 4)
                }
            } else if (word == "//") {
                return done comment(word line)
            } else if (word ~ /^["'&]/) {
                if (match(line, word == "'" ? "^(\\\\.|[^'\\\\])*'" : \
                          "^(\\\\(&quot;|.)|&[lga]|[^&\\\\\"])*" word)) {
                    word = word substr(line, 1, RLENGTH)
                    line = substr(line, RLENGTH + 1)
                }
                done = done "<q>" word "</q>"
            } else {
                done = done (word in c_word ? "<b>" word "</b>" : word)
            }
        }
    }
    if (language == "hash" && match(line, /(^|[ \t])#/))
        return substr(line, 1, RSTART - 1) comment(substr(line, RSTART))
    return line
}
function comment(text) {
    return text == "" ? "" : "<em>" with_tags(text) "</em>"
}
function language_of(name) {
    if (name ~ /(^|\.)(c|h|cu|cuh|cpp|cuda)$/) return "c"
    if (name ~ /(^|\.)(sh|py|mk|python|gp|yaml|awk)$|Makefile$|Dockerfile$/) return "hash"
    return "none"
}
BEGIN {
    split("auto break case char const continue default do double else enum extern float for" \
          " goto if inline int long register restrict return short signed sizeof static struct" \
          " switch typedef union unsigned void volatile while bool true false NULL real size_t" \
          " Tensor template __global__ __device__ __shared__ constexpr", list, " ")
    for (i in list) c_word[list[i]] = 1
    if (tags) read_tags(tags)
}
