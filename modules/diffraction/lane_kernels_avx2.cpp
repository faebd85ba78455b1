// The lane kernels for processors with AVX2 (compiled with -mavx2).
#define MESOGLASS_VARIANT avx2
#define MESOGLASS_VARIANT_NAME "AVX2"
#define MESOGLASS_VARIANT_LANES 8
#include "diffraction/lane_kernels_body.hpp"
