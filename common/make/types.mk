# A float is computed as a float. That has to be asked for where gcc would otherwise take
# 80 bits (32-bit x86) or a double (s390x) in between.
TYPES = $(call once,TYPES,$(call try,-Werror -mfpmath=sse -msse2) >/dev/null && echo -mfpmath=sse -msse2; \
    $(call try,-Werror -fexcess-precision=fast) >/dev/null && echo -fexcess-precision=fast)
