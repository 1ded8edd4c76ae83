# fenced.awk: what stands in the fences of a page below one mark.
#     awk -v mark='<!-- output: ./chapter1 -->' -f tests/fenced.awk PAGE
$0 == mark { wanted = 1; next }
/^```/ { if (inside) inside = 0; else if (wanted) { inside = 1; wanted = 0 }; next }
inside { print }
