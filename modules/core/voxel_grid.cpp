#include "core/voxel_grid.hpp"

#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/units.hpp"

namespace mesoglass {

void VoxelGrid::validate() const {
  for (const std::int64_t count : {nx, ny, nz}) {
    if (count < 1 || count > (1 << 20)) {
      throw input_error("a grid of {} x {} x {} voxels is impossible: each count must be from 1 to 1048576", nx, ny,
                        nz);
    }
  }
  if (static_cast<double>(nx) * static_cast<double>(ny) * static_cast<double>(nz) >
      std::numeric_limits<std::int32_t>::max()) {
    throw input_error("a grid of {} x {} x {} voxels has more than 2^31 - 1 voxels: use a coarser grid", nx, ny, nz);
  }
  for (const double size : voxel_size_nm) {
    if (!(std::isfinite(size) && size > 0.0)) {
      throw input_error("a voxel edge of {} nm is impossible: give finite, positive edges", size);
    }
  }
}

namespace units {

double electron_wavelength_nm(double voltage_v) {
  constexpr double planck = 6.62607015e-34;
  constexpr double electron_mass = 9.1093837015e-31;
  constexpr double light_speed = 299792458.0;
  const double energy = elementary_charge_c * voltage_v;
  const double momentum =
      std::sqrt(2.0 * electron_mass * energy * (1.0 + energy / (2.0 * electron_mass * light_speed * light_speed)));
  return planck / momentum * nm_per_m;
}

}  // namespace units
}  // namespace mesoglass
