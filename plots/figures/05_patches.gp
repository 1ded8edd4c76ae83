# 05_patches.gp: an image, one of its patches, its row of x_p, its token.
load "plots/figures/style.gp"
# Test image 0 of Fashion-MNIST (MIT licence): 28 rows of 28 pixels, drawn dark on white.
$boot << EOD
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 3 1 0 0 7 0 37 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 1 2 0 27 84 11 0 0 0 0 0 0 119 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 0 88 143 110 0 0 0 0 22 93 106 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 4 0 53 129 120 147 175 157 166 135 154 168 140 0 0
0 0 0 0 0 0 0 0 0 0 0 0 2 0 11 137 130 128 160 176 159 167 178 149 151 144 0 0
0 0 0 0 0 0 1 0 2 1 0 3 0 0 115 114 106 137 168 153 156 165 167 143 157 158 11 0
0 0 0 0 1 0 0 0 0 0 3 0 0 89 139 90 94 153 149 131 151 169 172 143 159 169 48 0
0 0 0 0 0 0 2 4 1 0 0 0 98 136 110 109 110 162 135 144 149 159 167 144 158 169 119 0
0 0 2 2 1 2 0 0 0 0 26 108 117 99 111 117 136 156 134 154 154 156 160 141 147 156 178 0
3 0 0 0 0 0 0 21 53 92 117 111 103 115 129 134 143 154 165 170 154 151 154 143 138 150 165 43
0 0 23 54 65 76 85 118 128 123 111 113 118 127 125 139 133 136 160 140 155 161 144 155 172 161 189 62
0 68 94 90 111 114 111 114 115 127 135 136 143 126 127 151 154 143 148 125 162 162 144 138 153 162 196 58
70 169 129 104 98 100 94 97 98 102 108 106 119 120 129 149 156 167 190 190 196 198 198 187 197 189 184 36
16 126 171 188 188 184 171 153 135 120 126 127 146 185 195 209 208 255 209 177 245 252 251 251 247 220 206 49
0 0 0 12 67 106 164 185 199 210 211 210 208 190 150 82 8 0 0 0 178 208 188 175 162 158 151 11
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
EOD
set palette gray negative
set cbrange [0:255]
unset colorbox
eval canvas(17, 9.4)
# the image, and lines between its patches
side = 0.23
left = 0.3
low = 1.2
eval text(left + 14 * side, 8.9, "the image")
eval text(left + 14 * side, 8.45, small("28 x 28, in patches of 4 x 4"))
do for [i = 0:7] {
    set arrow from left + 4 * i * side, low rto 0, 28 * side nohead front lc rgb grey
    set arrow from left, low + 4 * i * side rto 28 * side, 0 nohead front lc rgb grey
}
# patch 19: row 2, column 5
px = left + 20 * side
py = low + 16 * side
set object rectangle from px, py rto 4 * side, 4 * side front fs empty border lc rgb vermilion lw 4
# enlarged
big = 0.56
bx = 7.7
by = 4.6
eval line(px + 4 * side, py + 4 * side, bx, by + 4 * big, vermilion)
eval line(px + 4 * side, py, bx, by, vermilion)
set object rectangle from bx, by rto 4 * big, 4 * big front fs empty border lc rgb vermilion lw 3
eval text(bx + 2 * big, by + 4 * big + 0.7, "patch 19")
eval text(bx + 2 * big, by + 4 * big + 0.28, small("row 2, column 5"))
pixel(x, y) = real(word($boot[y + 1], x + 1))
do for [i = 0:15] {
    v = pixel(20 + i % 4, 8 + i / 4)
    set label sprintf("%d", v) at cell_x(bx, i % 4, big), cell_y(by, 4, i / 4, big) center front \
        font ",12" textcolor rgb (v > 110 ? white : black)
}
# rows of x_p and of z_0; not all are drawn
names = "0 1 ... 19 ... 47 48"
y_of(r) = 1.4 + (6 - r) * 0.85
mx = 11.3
zx = 14.4
eval text(mx + 0.8, 8.9, "x_p")
eval text(mx + 0.8, 8.45, small("(49, 16)"))
eval text(zx + 1.1, 8.9, "z_0")
eval text(zx + 1.1, 8.45, small("(50, 64)"))
do for [r = 0:6] {
    name = word(names, r + 1)
    y = y_of(r)
    if (name eq "...") {
        eval text(mx + 0.8, y + 0.28, "...")
        eval text(zx + 1.1, y + 0.28, "...")
    } else {
        do for [c = 0:15] {
            set object rectangle from mx + c * 0.1, y rto 0.1, 0.55 behind \
                fc rgb (r == 3 ? vermilion : grey) fs solid (r == 3 ? 0.8 : 0.35) border lc rgb white
        }
        set label name at mx - 0.12, y + 0.28 right front font ",12"
        eval arrow(mx + 1.7, y + 0.28, zx - 0.1, y + 0.28, black)
        eval box(zx, y, 2.2, 0.55, r == 3 ? vermilion : sky, small(sprintf("token %d", name + 1)))
    }
}
eval box(zx, y_of(-1), 2.2, 0.55, yellow, small("class token"))
eval arrow(bx + 4 * big + 0.1, by + 2 * big - 0.6, mx - 0.65, y_of(3) + 0.28, vermilion)
eval text(mx + 2.25, 0.75, small("times E, plus b_E: all rows alike"))
eval text(mx + 2.25, 0.3, small("then each of the 50 gets its E_{pos}"))
plot $boot matrix using ($3 > 0 ? left + ($1 + 0.5) * side : NaN):(low + (27.5 - $2) * side):(left + $1 * side): \
         (left + ($1 + 1) * side):(low + (27 - $2) * side):(low + (28 - $2) * side): \
         3 with boxxyerror fs solid noborder lc palette notitle, \
     for [i = 0:15] '+' using (cell_x(bx, i % 4, big)):(cell_y(by, 4, i / 4, big)): \
         (bx + (i % 4) * big):(bx + (i % 4 + 1) * big):(by + (3 - i / 4) * big): \
         (by + (4 - i / 4) * big):(pixel(20 + i % 4, 8 + i / 4)) every ::0::0 \
         with boxxyerror fs solid noborder lc palette notitle
