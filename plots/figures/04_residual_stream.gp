# The residual stream of a pre-norm block, and the same parts in a post-norm block.
load "plots/figures/style.gp"
eval canvas(15, 10)
eval text(3.9, 9.6, bold("pre-norm (ViT)"))
eval text(11.4, 9.6, bold("post-norm (2017)"))
# the road: a wide band from z to y
set object rectangle from 1.3,1.0 to 2.1,8.6 behind fc rgb sky fs solid 0.45 noborder
set object rectangle from 8.8,1.0 to 9.6,8.6 behind fc rgb sky fs solid 0.45 noborder
plus(x, y) = sprintf("set object circle at %g,%g size 0.28 front fc rgb white fs solid 1 border lc rgb black; set label '+' at %g,%g center front", x, y, x, y)
norm_box(x, y) = sprintf("set object rectangle from %g,%g rto 1.6,0.8 front fc rgb pale_yellow fs solid 1 border lc rgb black; ", x, y) . text(x + 0.8, y + 0.4, "LN")
# pre-norm
eval text(1.7, 0.6, "z")
eval text(1.7, 9.0, "y")
eval arrow(1.7, 1.7, 4.0, 1.7, black)
eval norm_box(4.0, 1.3)
eval arrow(4.8, 2.1, 4.8, 2.7, black)
eval box(4.0, 2.7, 1.6, 0.8, blue, "MSA")
eval arrow(4.8, 3.5, 4.8, 4.3, black)
eval line(4.8, 4.3, 4.0, 4.3, black)
eval arrow(4.8, 4.3, 2.0, 4.3, black)
eval plus(1.7, 4.3)
eval text(2.4, 4.75, "z'")
eval arrow(1.7, 5.2, 4.0, 5.2, black)
eval norm_box(4.0, 4.8)
eval arrow(4.8, 5.6, 4.8, 6.2, black)
eval box(4.0, 6.2, 1.6, 0.8, orange, "MLP")
eval arrow(4.8, 7.0, 4.8, 7.8, black)
eval arrow(4.8, 7.8, 2.0, 7.8, black)
eval plus(1.7, 7.8)
eval "set arrow from 0.9,8.4 to 0.9,1.2 filled size graph 0.018,20 lw 1.8 dt 2 lc rgb vermilion"
set label "gradient" at 0.5,4.8 center rotate by 90 tc rgb vermilion
eval text(3.9, 0.2, small("the norms are in the branches: nothing is in the road"))
# post-norm
eval text(9.2, 0.6, "z")
eval text(9.2, 9.0, "y")
eval arrow(9.2, 1.7, 12.3, 1.7, black)
eval line(12.3, 1.7, 12.3, 2.0, black)
eval box(11.5, 2.0, 1.6, 0.8, blue, "MSA")
eval arrow(12.3, 2.8, 12.3, 3.4, black)
eval arrow(12.3, 3.4, 9.5, 3.4, black)
eval plus(9.2, 3.4)
eval norm_box(8.4, 4.0)
eval text(9.9, 5.05, "z'")
eval arrow(9.2, 5.3, 12.3, 5.3, black)
eval line(12.3, 5.3, 12.3, 5.6, black)
eval box(11.5, 5.6, 1.6, 0.8, orange, "MLP")
eval arrow(12.3, 6.4, 12.3, 7.0, black)
eval arrow(12.3, 7.0, 9.5, 7.0, black)
eval plus(9.2, 7.0)
eval norm_box(8.4, 7.5)
eval "set arrow from 8.1,8.4 to 8.1,1.2 filled size graph 0.018,20 lw 1.8 dt 2 lc rgb vermilion"
set label "gradient" at 7.7,4.8 center rotate by 90 tc rgb vermilion
eval text(11.4, 0.2, small("norms in the road: all gradients pass them"))
eval finish
