// The lane kernels for every processor.
#define MESOGLASS_VARIANT portable
#define MESOGLASS_VARIANT_NAME "portable"
#define MESOGLASS_VARIANT_LANES 8
#include "diffraction/lane_kernels_body.hpp"
