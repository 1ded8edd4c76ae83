#!/bin/sh
# studies_table.sh [RESULTS]: prints the table of notes/studies.md from notes/studies.csv.
# A line has the mean test accuracy of a variant's runs, its standard deviation (n - 1),
# the lowest and highest, the mean training loss, and how far the mean is from that of the
# study's first variant, with the standard error of that difference. Exit status 1 if
# there are no runs, or if a variant's runs aren't alike. Run in the repository's root.
set -u
results=${1:-notes/studies.csv}
[ -f "$results" ] && [ -r "$results" ] || {
    echo "studies_table: there is no file $results that can be read" >&2
    exit 1
}
LC_ALL=C awk -F, '
    /^#/ || $1 == "study" || NF == 0 { next }
    function stop(why) { print "studies_table: " why; exit bad = 1 }
    NF != 8 { stop("line " FNR " has " NF " fields, not 8") }
    {
        for (i = 3; i <= 8; i++)
            if ($i !~ /^[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$/ && !(i > 5 && i < 8 && $i == "nan"))
                stop("line " FNR ": \"" $i "\" is no number")
        key = $1 "," $2
        if (!(key in n)) {
            order[++keys] = key
            if (!($1 in first)) {
                first[$1] = key
                name[++studies] = $1
            }
            study[key] = $1
            variant[key] = $2
            how[key] = $4 "," $5 "," $8
        }
        if ((key, $3) in seen || how[key] != $4 "," $5 "," $8)
            stop(key ": a seed twice, or runs that are not alike")
        seen[key, $3] = 1
        parameters[key] = $8
        n[key] += 0
        if ($6 == "nan") { failed[key]++; next }
        x = $6 + 0
        k = ++n[key]
        value[key, k] = x
        sum[key] += x
        loss[key] += $7
        if (k == 1 || x < low[key]) low[key] = x
        if (k == 1 || x > high[key]) high[key] = x
    }
    function mean(key) { return sum[key] / n[key] }
    function deviation(key,   i, s) {
        for (i = 1; i <= n[key]; i++) s += (value[key, i] - mean(key)) ^ 2
        return n[key] > 1 ? sqrt(s / (n[key] - 1)) : 0
    }
    function show(key,   base, error) {
        base = first[study[key]]
        printf "%-10s %-16s %4d ", study[key], variant[key], n[key]
        if (n[key] == 0) { printf "no run ended with a number\n"; return }
        printf "%8.4f %7.4f %7.4f %7.4f %7.4f %8d", mean(key), deviation(key),
               low[key], high[key], loss[key] / n[key], parameters[key]
        if (key != base && n[base] > 0) {
            error = sqrt(deviation(key) ^ 2 / n[key] + deviation(base) ^ 2 / n[base])
            printf "   %+.4f +- %.4f", mean(key) - mean(base), error
        }
        if (failed[key]) printf "   (%d more ended in NaN)", failed[key]
        printf "\n"
    }
    END {
        if (bad) exit 1
        if (!keys) { print "studies_table: no runs"; exit 1 }
        printf "%-10s %-16s %4s %8s %7s %7s %7s %7s %8s   %s\n", "study", "variant", "runs",
               "accuracy", "sd", "lowest", "highest", "loss", "numbers", "from the first"
        for (j = 1; j <= studies; j++) {
            if (j > 1) print ""
            for (i = 1; i <= keys; i++) if (study[order[i]] == name[j]) show(order[i])
        }
    }' "$results"
