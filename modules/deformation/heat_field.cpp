#include "deformation/heat_field.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <vector>

#include "core/units.hpp"

namespace mesoglass::deformation {

HeatField::HeatField(const Communicator& communicator, const VoxelGrid& grid, const HeatParameters& heat)
    : communicator_(communicator),
      grid_(grid),
      diffusivity_nm2_per_s_(heat.diffusivity_m2_per_s * units::nm_per_m * units::nm_per_m),
      exchange_rate_per_s_(1.0 / heat.exchange_time_s),
      transform_(communicator, grid),
      spectrum_(transform_.spectrum_size()) {}

double HeatField::decay_rate(std::int64_t nx, std::int64_t ny, std::int64_t nz) const noexcept {
  const auto along = [](std::int64_t n, std::int64_t count, double edge) {
    const double half = std::sin(units::pi * static_cast<double>(n) / static_cast<double>(count));
    return 4.0 * half * half / (edge * edge);
  };
  const double laplacian = along(nx, grid_.nx, grid_.voxel_size_nm[0]) + along(ny, grid_.ny, grid_.voxel_size_nm[1]) +
                           along(nz, grid_.nz, grid_.voxel_size_nm[2]);
  return diffusivity_nm2_per_s_ * laplacian;
}

void HeatField::pass(double time_s, std::span<double> rise) {
  transform_.forward(rise, spectrum_);
  transform_.for_each_frequency([&](std::size_t index, std::int64_t x, std::int64_t y, std::int64_t z) {
    spectrum_[index] *= std::exp(-(decay_rate(x, y, z) + exchange_rate_per_s_) * time_s);
  });
  transform_.backward(spectrum_, rise);
}

double HeatField::time_scale_s(std::span<const double> rise, double smallest_k) {
  double highest = -std::numeric_limits<double>::infinity();
  double lowest = std::numeric_limits<double>::infinity();
  for (const double value : rise) {
    highest = std::max(highest, value);
    lowest = std::min(lowest, value);
  }
  highest = communicator_.max(highest);
  lowest = communicator_.min(lowest);
  constexpr double part = 0.25;
  constexpr double never = std::numeric_limits<double>::infinity();
  const double exchange = std::max(highest, -lowest) > smallest_k ? part / exchange_rate_per_s_ : never;
  if (highest - lowest <= smallest_k) return exchange;

  transform_.forward(rise, spectrum_);
  // One sum a line of the spectrum, whoever has it.
  const auto lines = static_cast<std::size_t>(transform_.own_lines().size());
  const auto slabs = static_cast<std::size_t>(grid_.slab_count());
  std::vector<double> squares(lines, 0.0);
  std::vector<double> decays(lines, 0.0);
  transform_.for_each_frequency([&](std::size_t index, std::int64_t x, std::int64_t y, std::int64_t z) {
    if (x == 0 && y == 0 && z == 0) return;
    const double square = transform_.multiplicity(x) * std::norm(spectrum_[index]);
    squares[index / slabs] += square;
    decays[index / slabs] += decay_rate(x, y, z) * square;
  });
  const double square = fixed_order_sum(communicator_, squares);
  const double decay = fixed_order_sum(communicator_, decays);
  return decay > 0.0 ? std::min(exchange, part * square / decay) : exchange;
}

double HeatField::mean(std::span<const double> rise) const {
  const auto slab_voxels = static_cast<std::size_t>(grid_.voxels_per_slab());
  std::vector<double> slabs;
  for (std::size_t first = 0; first < rise.size(); first += slab_voxels) {
    double sum = 0.0;
    for (std::size_t voxel = first; voxel < first + slab_voxels; ++voxel) sum += rise[voxel];
    slabs.push_back(sum);
  }
  return fixed_order_sum(communicator_, slabs) / static_cast<double>(grid_.voxel_count());
}

}  // namespace mesoglass::deformation
