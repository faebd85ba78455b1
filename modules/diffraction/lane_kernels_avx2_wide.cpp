// Sixteen lanes on AVX2: slower than eight, and there so that the logic of sixteen is tested where no AVX-512 is.
#define MESOGLASS_VARIANT avx2_wide
#define MESOGLASS_VARIANT_NAME "AVX2, 16 lanes"
#define MESOGLASS_VARIANT_LANES 16
#include "diffraction/lane_kernels_body.hpp"
