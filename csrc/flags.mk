# The compiler flags of the C core: the one table of them, included by tests/c/Makefile and read by setup.py.
# Nothing but assignments of words to names, a line each.

# Contraction would make bits depend on the tile size; the vector headers spell fused multiply-adds.
# Debugging information would be most of a wheel.
C_FLAGS := -std=gnu11 -O2 -g0 -ffp-contract=off -fno-math-errno -fvisibility=hidden
# Of the files in arch/ that hold kernels, beside those of their instruction set.
KERNEL_FLAGS := -fno-tree-slp-vectorize
WARNINGS := -Wall -Wextra -Wno-unused-parameter

# The instruction sets of an architecture, and the flags of arch/<name>.c.
ISAS_x86_64 := amx avx512 avx2 sse2
ISAS_aarch64 := neon
FLAGS_avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c
FLAGS_amx := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mamx-tile -mamx-bf16
FLAGS_avx2 := -mavx2 -mfma -mf16c
FLAGS_sse2 := -msse2
FLAGS_neon :=
