# learning_rates.gp: [AIAYN eq.3] for three widths and warm-ups; and the schedule of a
# trained model's run [ViT T.3].
#
#     gnuplot -c plots/learning_rates.gp plots/learning_rates.dat out.png
#
# The data come from ./chapter5 --look FILE.
width = 1000
height = 460
picture = ARG2
load "plots/terminal.gp"
set multiplot layout 1,2 margins 0.09,0.97,0.17,0.87 spacing 0.11,0 \
    title "Learning rates: up in a straight line, then down by a root, or by a cosine"
set tics out nomirror
set grid lc rgb "#d0d0d0"
set xlabel "step (thousands)"
set ylabel "learning rate x 1000, [AIAYN eq.3]"
set yrange [0:0.9]
set key top right
plot ARG1 index 0 using ($1/1e3):($2*1e3) with lines lw 2 lc rgb "#0072B2" \
         title "d_model 512, warm-up 4000", \
     ARG1 index 0 using ($1/1e3):($3*1e3) with lines lw 2 dt 2 lc rgb "#D55E00" \
         title "512, 8000", \
     ARG1 index 0 using ($1/1e3):($4*1e3) with lines lw 2 dt 3 lc rgb "#009E73" \
         title "256, 8000"
set ylabel "learning rate x 1000, our run"
set yrange [0:*]
unset key
plot ARG1 index 1 using ($1/1e3):($2*1e3) with lines lw 2 lc rgb "#0072B2"
unset multiplot
