# picture.sed: gnuplot's SVG, after picture.awk, in fewer bytes; it looks the same
# (tests/book/pictures.py compares words, places and colours).

# An area needs no group of its own.
/^<g stroke='none' shape-rendering='crispEdges'>$/ {
    N
    N
    s/^<g \(.*\)>\n<polygon \(.*\)\n<\/g>$/<polygon \1 \2/
}

# Places to a tenth of a pixel; lines without an L each.
/ d='\| points='\|translate(/ s/\(\.[0-9]\)[0-9]\([^0-9]\)/\1\2/g
/ d='M\| points='/ {
    s/ L/ /g
    s/\.0\([^0-9]\)/\1/g
    s/  d=/ d=/g
    s/\(opacity='0\.[0-9]*[1-9]\)0*'/\1'/
}

# Words need no group of their own. Last: their numbers aren't places.
/^<g transform=/ {
    N
    N
    s/^<g \(.*\)>\n<text><tspan>\([^<]*\)<\/tspan><\/text>\n<\/g>$/<text \1>\2<\/text>/
}
