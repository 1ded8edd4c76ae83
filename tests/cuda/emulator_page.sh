#!/bin/sh
# emulator_page.sh PROGRAM: what cuda_on_cpu's README tells its readers to type, up to the
# program of this name, in a copy of its folder; prints what that program says.
set -u
# shellcheck source=common/scripts/portable.sh
. common/scripts/portable.sh
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
cp chapters/06_cuda_training/cuda_on_cpu/* "$scratch" && cd "$scratch" || exit 1
awk '/^```/ { inside = /^```sh$/; next } inside' README.md >commands
command -v g++ >/dev/null || sed 's/^g++/c++/; s/ -fno-tree-sra//' commands >others
[ ! -e others ] || mv others commands
while read -r command; do
    sh -c "$command" >out 2>err
    case $command in
    *"./$1") cat out && grep -v Aborted err && break ;;
    esac
done <commands
