# 05_shuffled.gp: the same 49 patches in two orders.
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
eval canvas(14, 7.2)
side = 0.2
low = 0.9
right = 7.9
left = 0.5
# patch p goes to place (19 p + 8) mod 49
place(p) = int(19 * p + 8) % 49
patch(x, y) = int(y) / 4 * 7 + int(x) / 4
new_x(x, y) = place(patch(x, y)) % 7 * 4 + int(x) % 4
new_y(x, y) = place(patch(x, y)) / 7 * 4 + int(y) % 4
do for [k = 0:1] {
    at = k ? right : left
    do for [i = 0:7] {
        set arrow from at + 4 * i * side, low rto 0, 28 * side nohead front lc rgb grey
        set arrow from at, low + 4 * i * side rto 28 * side, 0 nohead front lc rgb grey
    }
}
eval text(left + 14 * side, low + 28 * side + 0.35, "an ankle boot")
eval text(right + 14 * side, low + 28 * side + 0.35, "the same 49 patches")
eval text(left + 14 * side, 0.45, small("what you see"))
eval text(right + 14 * side, 0.45, small("what attention sees, without positions"))
plot $boot matrix using ($3 > 0 ? left + ($1 + 0.5) * side : NaN):(low + (27.5 - $2) * side):(left + $1 * side): \
         (left + ($1 + 1) * side):(low + (27 - $2) * side):(low + (28 - $2) * side): \
         3 with boxxyerror fs solid noborder lc palette notitle, \
     $boot matrix using ($3 > 0 ? right + (new_x($1, $2) + 0.5) * side : NaN):(low + (27.5 - new_y($1, $2)) * side): \
         (right + new_x($1, $2) * side):(right + (new_x($1, $2) + 1) * side): \
         (low + (27 - new_y($1, $2)) * side):(low + (28 - new_y($1, $2)) * side): \
         3 with boxxyerror fs solid noborder lc palette notitle
