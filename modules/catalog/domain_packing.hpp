// Non-overlapping MRO domains on a periodic voxel grid.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/random_stream.hpp"
#include "core/voxel_grid.hpp"

namespace mesoglass::catalog {

enum class SizeLaw {
  normal,
  log_normal,  // with mean and standard deviation as given, of the diameters themselves
  measured,    // drawn from a list, each value as likely as its weight
};

// Distribution of domain diameters, cut off below (redrawn); also redrawn where larger than the box.
struct DomainSizes {
  double mean_nm = 2.8;
  double spread_nm = 0.4;  // standard deviation
  double minimum_nm = 1.0;
  SizeLaw law = SizeLaw::normal;
  std::vector<double> measured_nm = {};  // `measured`: the diameters; mean_nm and spread_nm are theirs
  std::vector<double> weights = {};      // as many

  bool operator==(const DomainSizes&) const = default;
};

// The distribution of a list of measured diameters. Text: lines "diameter" or "diameter weight" (nm); '#' begins a
// comment. `minimum_nm` is kept. Throws InputError that names `origin` and the line. Pure.
[[nodiscard]] DomainSizes measured_sizes(const std::string& text, const std::string& origin, double minimum_nm);

// One diameter of the law, without cut-off. Pure but for the stream.
[[nodiscard]] double draw_diameter_nm(const DomainSizes& sizes, RandomStream& random);

// A domain before it has a place: which population it belongs to, its diameter as drawn and its number of voxels.
struct DomainDraw {
  std::uint8_t population = 0;
  float diameter_nm = 0;
  std::int32_t voxels = 1;
};

// Volume of a domain of the given diameter in voxels (disc in 2-D, sphere in 3-D), at least 1. Pure.
[[nodiscard]] double domain_volume_voxels(const VoxelGrid& grid, double diameter_nm) noexcept;

// Domains of one population whose voxels sum to `target_voxels` within half a mean domain (half a voxel where a domain
// is a single voxel). Rounding to whole voxels is carried from one domain to the next. A pure function of its
// arguments. Throws InputError where the sizes are impossible on this grid.
[[nodiscard]] std::vector<DomainDraw> draw_domains(const VoxelGrid& grid, const DomainSizes& sizes,
                                                   double target_voxels, std::uint64_t seed, std::uint8_t population);

// Receives a placed domain: its row, its centre (nm) and its voxels' indices.
using DomainSink =
    std::function<void(std::size_t row, const std::array<double, 3>& centre_nm, std::span<const std::int64_t> voxels)>;

// Gives every domain a random place where it overlaps no earlier one. A domain of n voxels takes the n voxels nearest
// to its centre (periodic). Random centres are tried until all of those are free; where the grid is too full for that,
// the domain grows from a free centre over the nearest connected free voxels, as long as it stays compact (no voxel
// farther out than 1.3 radii). `domains` should be sorted from large to small. A pure function of its arguments: every
// rank computes the same. Memory: one bit a voxel. Throws InputError where a domain finds no place.
void pack_domains(const VoxelGrid& grid, std::span<const DomainDraw> domains, std::uint64_t seed,
                  const DomainSink& sink);

}  // namespace mesoglass::catalog
