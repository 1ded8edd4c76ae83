# figure_words.awk FIGURE.svg...: do the words of a drawing by gnuplot overlap, or run over
# its edge? Words are taken to be 0.55 of their size wide per letter, a little less than
# DejaVu Sans's, and 0.7 high. Exit status 1, and a line for each case. WORDS=1 prints the
# words in place of that. Run with LC_ALL=C: letters are counted by their first bytes.
function number_after(text, name) {
    return match(text, name "[-0-9.]+") ? substr(text, RSTART + length(name), RLENGTH - length(name)) + 0 : 0
}
FNR == 1 { count = 0 }
/viewBox="/ {
    split($0, parts, " ")
    right = parts[3] + 0
    bottom = parts[4] + 0
}
/<g transform="translate\(/ {
    match($0, /translate\([-0-9.]+,[-0-9.]+/)
    split(substr($0, RSTART + 10, RLENGTH - 10), at, ",")
    size = number_after($0, "font-size=\"")
    turned = /rotate\(/
    anchor = /anchor="middle"/ ? 0.5 : /anchor="end"/ ? 1 : 0
}
/<text/ {
    text = ""
    wide = 0
    rest = $0
    while (match(rest, /<tspan[^>]*>[^<]*/)) {
        piece = substr(rest, RSTART, RLENGTH)
        rest = substr(rest, RSTART + RLENGTH)
        own = number_after(piece, "font-size=\"")
        sub(/<tspan[^>]*>/, "", piece)
        gsub(/&[a-z]+;/, "x", piece)
        text = text piece
        gsub(/[\200-\277]/, "", piece)
        wide += length(piece) * (own ? own : size) * 0.55
    }
    if (text ~ /^ *$/) next
    if (WORDS) {
        print text
        next
    }
    count++
    said[count] = text
    tall = size * 0.7
    left[count] = turned ? at[1] - tall : at[1] - anchor * wide
    top[count] = turned ? at[2] - (1 - anchor) * wide : at[2] - tall
    end[count] = turned ? at[1] : left[count] + wide
    foot[count] = turned ? top[count] + wide : at[2]
    if (left[count] < -1 || top[count] < -1 || end[count] > right + 1 || foot[count] > bottom + 1) {
        print FILENAME ": runs over the edge: " text
        status = 1
    }
    for (i = 1; i < count; i++) {
        if (left[count] < end[i] - 1 && left[i] < end[count] - 1 && top[count] < foot[i] - 1 && top[i] < foot[count] - 1) {
            print FILENAME ": these overlap: " said[i] " | " text
            status = 1
        }
    }
}
END { exit status }
