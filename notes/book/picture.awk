# picture.awk: gnuplot's SVG without what is so anyway: spaces, defaults, symbols that nothing
# uses, groups with nothing in them; colours as #rrggbb; and the typeface said once.
#     awk -f picture.awk picture.svg picture.svg
function hex(colour,   part) { # of "rgb(230, 159, 0)"
    split(substr(colour, 5), part, /[ ,)]+/)
    return sprintf("#%02x%02x%02x", part[1], part[2], part[3])
}
FNR == NR { # is a symbol or a filter used?
    if (!/^[ \t]*<use [^>]*id='gpPt/ && /#gpPt/) symbols = 1
    if (/#(text|grey)box/) filters = 1
    next
}
/<(use|path) .*id='gpPt/ && !symbols { next }
/<filter id='(text|grey)box'/ && !filters { leave = 1 }
leave { if (/<\/filter>/) leave = 0; next }
/^[ \t]*$/ { next }
{
    sub(/^[ \t]+/, "")
    sub(/[ \t]+$/, "")
    gsub(/ stroke-width="1.00"| stroke-linecap="butt"| stroke-linejoin="miter"/, "")
    if (!/<text/) gsub(/ = /, "=")
    gsub(/<tspan font-family="DejaVu Sans" >/, "<tspan>")
    if (sub(/^<g id="gnuplot_canvas"/, "& font-family=\"DejaVu Sans\"")) canvas = 1
    else if (canvas) gsub(/ font-family="DejaVu Sans"/, "")
    gsub(/rgb\( */, "rgb(")
    if (/ (points|d)='/) {
        gsub(/\.00,/, ",")
        gsub(/\.00 /, " ")
        gsub(/ +'/, "'")
    }
    while (match($0, /rgb\([0-9, ]*\)/)) {
        $0 = substr($0, 1, RSTART - 1) hex(substr($0, RSTART, RLENGTH)) \
            substr($0, RSTART + RLENGTH)
    }
    # A group that nothing is in, and one that ends and begins again as it was.
    if (group != "" && $0 == "</g>") {
        group = ""
        next
    }
    if (ended != "" && group == open) {
        print substr(ended, 1, length(ended) - 4)
        group = ended = ""
    }
    if (ended != "" && !/^<g fill="none" [^>]*>$/) {
        print ended
        ended = ""
    }
    if (group != "") print open = group
    group = ""
    if (/^<g fill="none" [^>]*>$/) {
        group = $0
        if (ended != "" && group != open) {
            print ended
            ended = ""
        }
    } else if (/'\/><\/g>$/) ended = $0
    else print
}
END { if (ended != "") print ended }
