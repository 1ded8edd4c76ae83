# A float is computed as a float. That has to be asked for where gcc would otherwise take
# 80 bits (32-bit x86) or a double (s390x) in between.
TYPES = $(eval TYPES := $(shell for flags in '-mfpmath=sse -msse2' -fexcess-precision=fast; do \
    echo 'int main(void) { return 0; }' | $(CC) -Werror $$flags -x c - -o /dev/null 2>/dev/null && \
    echo "$$flags"; done))$(TYPES)
