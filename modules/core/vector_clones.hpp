// Marks a function that is compiled once for each kind of registers; the widest that the processor has are used when
// the program runs. Nothing is contracted or reassociated, so the bits are the same with all of them.
#pragma once

#if defined(__x86_64__)
#define MESOGLASS_VECTOR_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define MESOGLASS_VECTOR_CLONES
#endif
