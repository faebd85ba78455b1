// One source, several instruction sets: the loader picks the widest that the processor has, so that a portable binary
// still uses AVX2. Contraction into fused multiply-adds is off for the whole project, so every clone gives the same
// bits.
#pragma once

#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__clang__)
#define MESOGLASS_KERNEL __attribute__((target_clones("avx512f", "avx2", "default"), optimize("O3")))
#else
#define MESOGLASS_KERNEL
#endif
