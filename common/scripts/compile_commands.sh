#!/bin/sh
# compile_commands.sh: prints compile_commands.json, from which editors and clangd read
# how each source is compiled (in float). CC, CFLAGS, CXX and CXXFLAGS come from make.
json() { # json TEXT: inside quotes
    printf '%s' "$1" | sed 's/["\\]/\\&/g'
}
first=yes
echo "["
find common chapters tests -name '*.c' -o -name '*.cu' -o -name '*.cpp' | sort |
    while read -r file; do
        case $file in
        *.c) command="$CC $CFLAGS -c $file" ;;
        *) command="$CXX -x c++ $CXXFLAGS -c $file" ;;
        esac
        [ "$first" = yes ] || echo ","
        first=no
        printf '  {"directory": "%s", "file": "%s",\n   "command": "%s"}' "$(json "$PWD")" \
            "$file" "$(json "$command")"
    done
echo
echo "]"
