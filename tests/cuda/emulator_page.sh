#!/bin/sh
# emulator_page.sh: types what cuda_on_cpu's README tells its readers to, in a copy of its
# folder, and prints what the programs say.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
cp chapters/06_cuda_training/cuda_on_cpu/* "$scratch" && cd "$scratch" || exit 1
awk '/^```/ { inside = /^```sh$/; next } inside' README.md >commands
if ! command -v g++ >/dev/null; then
    sed 's/^g++/c++/; s/ -fno-tree-sra//' commands >others && mv others commands
fi
while read -r command; do
    sh -c "$command" >out 2>err
    cat out
    grep -v '^Aborted' err
done <commands
exit 0
