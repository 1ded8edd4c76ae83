# studies.gp: loaded by the pictures of notes/studies.csv, with `results` (that file), `study`,
# its `variants` and their `labels` (words, in quotes where they have blanks; | begins a
# new line): draws each run's test accuracy as a point, and beside the points their mean
# and standard deviation. `panel_key` 1: with a key.
set datafile separator ","
array mean[words(variants)]
array deviation[words(variants)]
of(i) = strcol(1) eq study && strcol(2) eq word(variants, i)
broken(s) = strstrt(s, "|") ? s[1:strstrt(s, "|") - 1]."\n".s[strstrt(s, "|") + 1:*] : s
set xtics out nomirror
set xtics ()
lowest = 1
highest = 0
set xrange [*:*]
set yrange [*:*]
do for [i = 1:words(variants)] {
    stats results using (of(i) ? $6 : NaN) nooutput
    mean[i] = STATS_mean
    deviation[i] = STATS_records > 1 ? STATS_ssd : 0
    lowest = STATS_min < lowest ? STATS_min : lowest
    highest = STATS_max > highest ? STATS_max : highest
    set xtics add (sprintf("%s\n%.4f", broken(word(labels, i)), mean[i]) i)
}
margin = 0.15 * (highest - lowest)
set xrange [0.4:words(variants) + 0.6]
set yrange [lowest - margin:highest + margin]
set ytics out nomirror
set format y "%g"
set grid ytics lc rgb "gray60"
set errorbars 3
set bmargin 8
if (panel_key) { set key bmargin center Left reverse horizontal } else { unset key }
plot for [i = 1:words(variants)] results \
         using (of(i) ? i - 0.12 + 0.06 * ($3 - 2) : NaN):(of(i) ? $6 : NaN) \
         with points pt 6 ps 1.2 lw 1.5 lc rgb "#56B4E9" \
         title (i == 1 ? "a run (one seed)" : ""), \
     for [i = 1:words(variants)] '+' using (i + 0.15):(mean[i]):(deviation[i]) every ::0::0 \
         with yerrorbars pt 5 ps 1.1 lw 2 lc rgb "#0072B2" \
         title (i == 1 ? "mean, standard deviation" : "")
