// The lane kernels for processors with AVX-512 (compiled with -mavx512f -mavx512bw -mavx512dq -mavx512vl).
#define MESOGLASS_VARIANT avx512
#define MESOGLASS_VARIANT_NAME "AVX-512"
#define MESOGLASS_VARIANT_LANES 16
#include "diffraction/lane_kernels_body.hpp"
