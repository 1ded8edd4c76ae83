#!/bin/sh
# test_network.sh: `make network`: ranks in namespaces, rate and delay as asked, nothing
# left behind, also after Ctrl-C. Run in the repository's root, where chapter8 is built.
# Where namespaces aren't permitted it looks at how that is said, and no more.
set -u
# shellcheck source=tests/words.sh
. tests/words.sh

network=common/scripts/network.sh
switch=$scratch/delay_switch

# on SETTINGS COMMAND...: the script with these RANKS, RATE, DELAY
on() {
    settings=$1
    shift
    # shellcheck disable=SC2086 # settings are words
    within 120 env $settings sh "$network" "$switch" "$@" >"$out" 2>"$err"
    status=$?
}
exited() {
    [ "$status" -eq "$1" ] || { echo "      exit status $status, want $1: $(head -n 1 "$err")"; return 1; }
}
one_line() { # one_line STATUS PATTERN
    exited "$1" && [ "$(grep -c '' "$err")" -eq 1 ] && grep -Eq -e "^network: .*$2" "$err"
}
no_spaces() { # of the script that ran as process $1, or of any
    ! ip netns list 2>/dev/null | grep -q "^chapter8-${1:-}"
}
interfaces() {
    ip -o link show 2>/dev/null | sed 's/^[0-9]*: \([^:@]*\).*/\1/' | sort
}

group 'what cannot be'
on 'RANKS=0' true
check 'no ranks' one_line 2 'RANKS'
on 'RANKS=2,4' true
check 'numbers are separated by blanks' one_line 2 'RANKS'
on 'RATE=fast' true
check 'a rate is a number' one_line 2 'RATE is a number'
on 'RATE=0' true
check 'a rate is more than 0' one_line 2 'more than 0'
on 'DELAY=-1' true
check 'a delay is not negative' one_line 2 'DELAY is a number'

if [ -x ./chapter8 ]; then
    group 'the program'
    ./chapter8 --measure >"$out" 2>"$err"
    check '--measure is for several ranks' [ $? -eq 2 ]
    check 'one line says so' grep -qx 'chapter8: --measure is for several ranks: .*' "$err"
    ./chapter8 --measure --largest all >"$out" 2>"$err"
    check '--largest is a number' [ $? -eq 2 ]
    (cd "$scratch" && exec "$root/chapter8" --scale) >"$out" 2>"$err"
    check '--scale prints' [ $? -eq 0 ]
    check 'both models' [ "$(grep -c '86567656 parameters\|632045800 parameters' "$out")" -eq 2 ]
    check 'and what it assumes' grep -q 'of which training uses' "$out"
fi

# May we? If not, one line says so, and there is nothing more to see.
${CC:-cc} -std=c11 -O1 chapters/08_many_machines/network/delay_switch.c -o "$switch" ||
    exit 1
interfaces >"$scratch/before"
on 'RANKS=2 DELAY=0' true
if [ "$status" -ne 0 ]; then
    group 'not permitted here'
    check 'one line says so, status 1' one_line 1 \
        '(is missing|for root|permit)'
    check 'nothing is left' no_spaces
    verdict
    exit
fi

group 'ranks on a network'
# shellcheck disable=SC2016 # for the rank's shell
where='echo "$(hostname) $OMPI_COMM_WORLD_RANK $(ip -o -4 addr show net0 | sed "s/.*inet //; s/ .*//")"'
on 'RANKS=3 DELAY=0' sh -c "$where"
check 'it ran' exited 0
for rank in 0 1 2; do
    check "rank $rank has a host and an address of its own" \
        grep -qx "rank-$rank $rank 10.88.88.$((rank + 1))/24" "$out"
done
check 'it says what the network is' grep -q '3 ranks, 100 Mbit/s each, no delay' "$out"
on 'RANKS=2 DELAY=0' sh -c 'exit 3'
check "the command's failure is the script's" [ "$status" -ne 0 ]
check 'nothing is left' no_spaces
interfaces >"$scratch/after"
check 'interfaces are as before' cmp -s "$scratch/before" "$scratch/after"

group 'delay and rate'
# ms there and back, the least of some: others may use the machine
round_trip() {
    awk -F/ '/^rtt|^round-trip/ { sub(/.*= /, "", $4); print $4; exit }' "$out"
}
is_between() { # is_between LOW VALUE HIGH
    echo "$1 ${2:-none} $3" | awk '{ exit !($2 >= $1 && $2 <= $3) }' || {
        echo "      ${2:-nothing}, want $1 to $3"
        return 1
    }
}
# shellcheck disable=SC2016 # for the rank's shell
ping='[ "$OMPI_COMM_WORLD_RANK" -gt 0 ] || ping -q -c 15 -i 0.1 10.88.88.2'
if command -v ping >/dev/null 2>&1; then
    on 'RANKS=2 DELAY=0' sh -c "$ping"
    check 'without delay: less than a millisecond' is_between 0 "$(round_trip)" 1
    on 'RANKS=2 DELAY=5 NETEM=no' sh -c "$ping"
    check '5 ms by our switch: 10 there and back' is_between 10 "$(round_trip)" 11.5
    on 'RANKS=2 DELAY=5' sh -c "$ping"
    check '5 ms, by netem if there is one: 10 there and back' is_between 10 "$(round_trip)" 11.5
fi
# beta, ms per MB, of 40 Mbit/s is 200
for delay in 0 2; do
    on "RANKS=2 RATE=40 DELAY=$delay NETEM=no" "$root/chapter8" --measure --largest 256 \
        --batch 8 --table "$scratch/table.csv"
    check "it measures, with $delay ms" exited 0
    check "40 Mbit/s, with $delay ms" is_between 150 \
        "$(awk -F, '$1 == "network" && $3 == "beta" { print $6 }' "$scratch/table.csv")" 260
    rm -f "$scratch/table.csv"
done

group 'interrupted'
for signal in INT TERM; do
    RANKS=2 DELAY=1 NETEM=no timeout --preserve-status -s "$signal" 8 \
        sh "$network" "$switch" sleep 60 >"$out" 2>"$err"
    status=$?
    check "$signal: it was running" grep -q '^network: 2 ranks: sleep' "$out"
    [ "$signal" = INT ] && wanted=130 || wanted=143
    check "$signal: status $wanted" exited "$wanted"
    check "$signal: nothing is left" no_spaces
done
# What kill -9 leaves, the next one takes away.
RANKS=2 DELAY=0 sh "$network" "$switch" sleep 60 >"$out" 2>"$err" &
script=$!
sleep 2
kill -9 "$script"
wait "$script" 2>/dev/null
on 'RANKS=2 DELAY=0' true
check "killed: the next removes what it left" no_spaces "$script"

verdict
