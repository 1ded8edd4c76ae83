# roofline.gp: each rung of the matrix product, under the roof of this machine.
#
#     gnuplot -c plots/roofline.gp plots/roofline.dat out.png
#
# The data come from ./chapter1 --ladder: first the rungs, then the machine, with one
# row for one thread and, where there are more, one for all.
width = 900
height = 600
picture = ARG2
load "plots/terminal.gp"

stats ARG1 index 1 using 1 name "THREADS" nooutput
stats ARG1 index 1 using 5 name "SIZE" nooutput
last = THREADS_records - 1 # the last row; 0 when there is but one thread
threads = int(THREADS_max)
stats ARG1 index 1 every ::0::0 using 2 name "ONE_PEAK" nooutput
stats ARG1 index 1 every ::0::0 using 3 name "ONE_NEAR" nooutput
stats ARG1 index 1 every ::0::0 using 4 name "ONE_FAR" nooutput
stats ARG1 index 1 every ::last::last using 2 name "ALL_PEAK" nooutput
stats ARG1 index 1 every ::last::last using 3 name "ALL_NEAR" nooutput
lower(a, b) = a < b ? a : b

set title sprintf("The ladder of the matrix product, N = %d", int(SIZE_max))
set xlabel "arithmetic intensity (flops for a byte from beyond the core's cache)"
set ylabel "speed (GFLOP/s)"
set logscale xy
set format "%g"
set xrange [0.015:200]
set yrange [0.2:11*ALL_PEAK_max] # room for the key
set samples 1000
set grid lt 1 lc rgb "#d0d0d0"
set key top left Left reverse

# Numbers beside the points: of two on one spot, one goes to the left.
to_left(number) = number eq "4" || number eq "6"
beside(left, number, y) = to_left(number) == left ? y : NaN
# And what they mean, as a list in the empty corner.
list_y(row) = 9 / 1.53**row
name(number, what, count) = sprintf("%s  %s%s", number, what, \
    count > 1 ? sprintf(", %d threads", int(count)) : "")

plot lower(ALL_PEAK_max, ALL_NEAR_max*x) with lines lw 2 dt 2 lc rgb "#808080" \
         title (last > 0 ? sprintf("%d threads: %.0f GFLOP/s, %.0f GB/s", \
                                   threads, ALL_PEAK_max, ALL_NEAR_max) : ""), \
     lower(ONE_PEAK_max, ONE_NEAR_max*x) with lines lw 2 lc rgb "#000000" \
         title sprintf("1 thread: %.0f GFLOP/s, %.0f GB/s reading A, B and C", \
                       ONE_PEAK_max, ONE_NEAR_max), \
     lower(ONE_PEAK_max, ONE_FAR_max*x) with lines lw 1 dt 3 lc rgb "#000000" \
         title sprintf("1 thread, from memory: %.0f GB/s", ONE_FAR_max), \
     ARG1 index 0 using 1:($3 == 1 ? $2 : NaN) with points pt 7 ps 1.4 \
         lc rgb "#0072B2" title "a rung on 1 thread", \
     ARG1 index 0 using 1:($3 > 1 ? $2 : NaN) with points pt 4 ps 1.5 lw 2 \
         lc rgb "#D55E00" title (last > 0 ? sprintf("on %d threads", threads) : ""), \
     ARG1 index 0 using 1:(beside(1, strcol(4), $2)):4 with labels right \
         offset -0.9,-0.3 notitle, \
     ARG1 index 0 using 1:(beside(0, strcol(4), $2)):4 with labels left \
         offset 0.9,-0.3 notitle, \
     ARG1 index 0 using (8):(list_y($0)):(name(strcol(4), strcol(5), $3)) \
         with labels left notitle
