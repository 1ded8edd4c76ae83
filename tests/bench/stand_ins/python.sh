#!/bin/sh
# python.sh pytorch_peer.py OPTIONS...: passes for a Python that has PyTorch, for tests of
# the benchmark; so with pytorch_ranks.py. STAND_IN says what is wrong with it; BENCH is
# the benchmark's program, whose own side does the work where nothing is wrong.
case $STAND_IN.$1 in
no_gloo.*ranks.py) echo 'skipped this PyTorch has no gloo' && exit 0 ;;
esac
shift
case $1 in
--version)
    [ "$STAND_IN" != unready ] || { echo 'hello'; exit 0; }
    [ "$STAND_IN" != exits ] || exit 3
    echo 'ready PyTorch, or what passes for it'
    exit 0
    ;;
esac
for option in "$@"; do
    case $STAND_IN.$option in
    *.--ranks=2) ranks=2 ;;
    *.--flavour=* | *.--ranks=*) ;;
    *) set -- "$@" "$option" ;;
    esac
    shift
done
ours() {
    # apart: two ranks that don't add their gradients
    [ "$STAND_IN${ranks:-}" != apart2 ] || set -- "$@" --batch=32
    "$BENCH" --serve "$@"
}
check=$(printf 'check\n' | ours "$@" | tail -n 1)
case $STAND_IN in
none | no_gloo | apart) ours "$@" && exit 0 ;;
esac
echo ready
while read -r request rest; do
    case $STAND_IN.$request in
    wrong.check) echo '1 2 3' ;;
    short.check) echo 2.3 ;;
    dies.go) kill -9 $$ ;;
    hangs.go) echo $$ >hanging; sleep 1000 ;;
    closes.go) exec >&-; sleep 1000 ;;
    nan.go) echo "nan $rest" ;;
    zero.go) echo "0 $rest" ;;
    clock.go) echo "1000000 1e9" ;;
    stopped.go) echo "1000000 0" ;;
    words.go) echo "12 images, roughly" ;;
    long.go) head -c 100000 /dev/zero; echo ;;
    late.go) echo "12 $rest more" ;;
    *.check) echo "$check" ;;
    *.go) sleep 0.1; echo "12 $rest" ;;
    memory.quit) echo "-1 nan" ;;
    *.quit) echo "20 10" ;;
    esac
done
