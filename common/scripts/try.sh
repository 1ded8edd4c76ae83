#!/bin/sh
# try.sh FLAG...: prints the flags if the compiler $CC links a program with them; with
# MAIN=..., that program. It links into a file of its own, since some linkers and
# compilers remove an existing output, which for root may be a device.
# shellcheck disable=SC2086 # CC may be several words
set -u
# shellcheck source=common/scripts/portable.sh
. "$(dirname "$0")/portable.sh"
scratch=$(new_scratch) || exit 1
trap 'rm -rf "$scratch"' EXIT
echo "${MAIN:-int main(void) { return 0; \}}" >"$scratch/program.c"
${CC:-cc} "$@" "$scratch/program.c" -o "$scratch/program" >"$scratch/said" 2>&1 && echo "$*"
