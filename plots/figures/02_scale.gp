# The table of ./chapter2, section 2.3: what scores do to the softmax of 64 keys.
load "plots/figures/style.gp"
eval chart(14, 6)
$data << EOD
4     0.281   0.2482   0.108   0.1670
8     0.396   0.3089   0.096   0.1719
16    0.563   0.3318   0.100   0.1726
32    0.707   0.2980   0.106   0.1784
64    0.816   0.1648   0.113   0.1805
128   0.854   0.0733   0.106   0.1805
256   0.886   0.0289   0.108   0.1815
512   0.923   0.0028   0.107   0.1779
1024  0.954   0.0003   0.103   0.1779
EOD
set logscale x 2
set xlabel "d_k, the length of queries and keys"
set yrange [0:1]
set key off
set rmargin 20
eval "set label 'largest weight, unscaled' at 1150,0.95 left front"
eval "set label 'largest weight, scaled' at 1150,0.125 left front"
eval "set label '|J|, scaled' at 1150,0.225 left front"
eval "set label '|J|, unscaled' at 1150,0.02 left front"
plot $data using 1:2 with linespoints lc rgb vermilion dt 2 lw 2.5 pt 7, \
     $data using 1:3 with linespoints lc rgb vermilion dt 1 lw 3 pt 5, \
     $data using 1:4 with linespoints lc rgb blue dt 2 lw 2.5 pt 6, \
     $data using 1:5 with linespoints lc rgb blue dt 1 lw 3 pt 4
