#include "catalog/domain_packing.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <queue>
#include <sstream>
#include <unordered_set>

#include "catalog/realised_statistics.hpp"
#include "core/error.hpp"
#include "core/random_stream.hpp"
#include "core/units.hpp"

namespace mesoglass::catalog {

namespace {

constexpr int compact_trials = 200;     // random centres before a domain may be deformed
constexpr int deformed_trials = 5000;   // and with deformation before the packing is given up
constexpr double deformed_reach = 1.3;  // in radii
constexpr int most_redraws = 100000;    // of one diameter
constexpr int most_skipped = 10000;     // draws too large for what is missing, before it is left missing

class Packer {
 public:
  explicit Packer(const VoxelGrid& grid)
      : grid_(grid), counts_{grid.nx, grid.ny, grid.nz}, taken_(static_cast<std::size_t>(grid.voxel_count()), false) {
    double square = 0.0;
    for (int axis = 0; axis < grid.dimensions(); ++axis) {
      square += grid.voxel_size_nm[static_cast<std::size_t>(axis)] * grid.voxel_size_nm[static_cast<std::size_t>(axis)];
    }
    half_diagonal_nm_ = 0.5 * std::sqrt(square);
  }

  // Both return false where the place does not do; else voxels() is the domain.
  bool place_compact(const std::array<double, 3>& centre_nm, std::int32_t count) {
    const std::int64_t home = voxel_at(centre_nm);
    voxels_.clear();
    if (taken(home)) return false;
    if (count > 1) {
      gather_within(centre_nm, radius_nm(count) + half_diagonal_nm_);
      std::nth_element(near_.begin(), near_.begin() + (count - 1), near_.end());
      near_.resize(static_cast<std::size_t>(count));
      for (const auto& candidate : near_) {
        if (taken(candidate.index)) return false;
      }
      for (const auto& candidate : near_) voxels_.push_back(candidate.index);
    } else {
      voxels_.push_back(home);
    }
    return true;
  }

  bool place_deformed(const std::array<double, 3>& centre_nm, std::int32_t count) {
    const std::int64_t home = voxel_at(centre_nm);
    voxels_.clear();
    if (taken(home)) return false;
    const double reach = deformed_reach * radius_nm(count) + half_diagonal_nm_;
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> front;
    std::unordered_set<std::int64_t> seen = {home};
    front.push({square_distance(centre_nm, home), home});
    while (!front.empty() && static_cast<std::int32_t>(voxels_.size()) < count) {
      const Candidate next = front.top();
      front.pop();
      if (next.square_distance > reach * reach) return false;
      voxels_.push_back(next.index);
      for (const std::int64_t neighbour : face_neighbours(next.index)) {
        if (!taken(neighbour) && seen.insert(neighbour).second) {
          front.push({square_distance(centre_nm, neighbour), neighbour});
        }
      }
    }
    return static_cast<std::int32_t>(voxels_.size()) == count;
  }

  void take() {
    for (const std::int64_t voxel : voxels_) taken_[static_cast<std::size_t>(voxel)] = true;
    std::sort(voxels_.begin(), voxels_.end());
  }
  [[nodiscard]] std::span<const std::int64_t> voxels() const noexcept { return voxels_; }

 private:
  struct Candidate {
    double square_distance;
    std::int64_t index;
    // Ties go to the lower index, so that the nearest n are one set.
    bool operator<(const Candidate& other) const noexcept {
      return square_distance != other.square_distance ? square_distance < other.square_distance : index < other.index;
    }
    bool operator>(const Candidate& other) const noexcept { return other < *this; }
  };

  [[nodiscard]] bool taken(std::int64_t voxel) const { return taken_[static_cast<std::size_t>(voxel)]; }

  [[nodiscard]] double radius_nm(std::int32_t count) const { return 0.5 * equivalent_diameter_nm(grid_, count); }

  [[nodiscard]] std::int64_t voxel_at(const std::array<double, 3>& centre_nm) const {
    std::array<std::int64_t, 3> at{};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      at[axis] = std::min(static_cast<std::int64_t>(centre_nm[axis] / grid_.voxel_size_nm[axis]), counts_[axis] - 1);
    }
    return grid_.index(at[0], at[1], at[2]);
  }

  [[nodiscard]] double square_distance(const std::array<double, 3>& centre_nm, std::int64_t voxel) const {
    const auto at = grid_.coordinates(voxel);
    double square = 0.0;
    for (int axis = 0; axis < grid_.dimensions(); ++axis) {
      const auto i = static_cast<std::size_t>(axis);
      const double edge = static_cast<double>(counts_[i]) * grid_.voxel_size_nm[i];
      double offset = std::fabs((static_cast<double>(at[i]) + 0.5) * grid_.voxel_size_nm[i] - centre_nm[i]);
      offset = std::min(offset, edge - offset);
      square += offset * offset;
    }
    return square;
  }

  // All voxels whose centres lie within `reach` of the centre (periodic, each voxel once): near_.
  void gather_within(const std::array<double, 3>& centre_nm, double reach) {
    std::array<std::int64_t, 3> first{};
    std::array<std::int64_t, 3> size{1, 1, 1};
    for (int axis = 0; axis < grid_.dimensions(); ++axis) {
      const auto i = static_cast<std::size_t>(axis);
      first[i] = static_cast<std::int64_t>(std::floor((centre_nm[i] - reach) / grid_.voxel_size_nm[i]));
      const auto last = static_cast<std::int64_t>(std::floor((centre_nm[i] + reach) / grid_.voxel_size_nm[i]));
      size[i] = last - first[i] + 1;
      if (size[i] >= counts_[i]) {
        first[i] = 0;
        size[i] = counts_[i];
      }
    }
    near_.clear();
    const auto wrap = [](std::int64_t at, std::int64_t count) { return ((at % count) + count) % count; };
    for (std::int64_t dz = 0; dz < size[2]; ++dz) {
      const std::int64_t z = wrap(first[2] + dz, counts_[2]);
      for (std::int64_t dy = 0; dy < size[1]; ++dy) {
        const std::int64_t y = wrap(first[1] + dy, counts_[1]);
        for (std::int64_t dx = 0; dx < size[0]; ++dx) {
          const std::int64_t voxel = grid_.index(wrap(first[0] + dx, counts_[0]), y, z);
          const double square = square_distance(centre_nm, voxel);
          if (square <= reach * reach) near_.push_back({square, voxel});
        }
      }
    }
  }

  [[nodiscard]] std::vector<std::int64_t> face_neighbours(std::int64_t voxel) const {
    const auto at = grid_.coordinates(voxel);
    std::vector<std::int64_t> neighbours;
    for (int axis = 0; axis < grid_.dimensions(); ++axis) {
      const auto i = static_cast<std::size_t>(axis);
      for (const std::int64_t step : {counts_[i] - 1, std::int64_t{1}}) {
        auto moved = at;
        moved[i] = (at[i] + step) % counts_[i];
        neighbours.push_back(grid_.index(moved[0], moved[1], moved[2]));
      }
    }
    return neighbours;
  }

  const VoxelGrid& grid_;
  std::array<std::int64_t, 3> counts_;
  double half_diagonal_nm_ = 0.0;
  std::vector<bool> taken_;
  std::vector<Candidate> near_;
  std::vector<std::int64_t> voxels_;
};

// NaN for what is no number.
double number_of(const std::string& word) {
  double value = 0.0;
  const char* last = word.data() + word.size();
  const auto [end, error] = std::from_chars(word.data(), last, value);
  return error == std::errc{} && end == last ? value : std::numeric_limits<double>::quiet_NaN();
}

double smallest_edge_nm(const VoxelGrid& grid) {
  double edge = static_cast<double>(grid.nx) * grid.voxel_size_nm[0];
  edge = std::min(edge, static_cast<double>(grid.ny) * grid.voxel_size_nm[1]);
  if (grid.dimensions() == 3) edge = std::min(edge, static_cast<double>(grid.nz) * grid.voxel_size_nm[2]);
  return edge;
}

}  // namespace

double domain_volume_voxels(const VoxelGrid& grid, double diameter_nm) noexcept {
  const double radius = 0.5 * diameter_nm;
  const double voxels = grid.dimensions() == 2
                            ? units::pi * radius * radius / (grid.voxel_size_nm[0] * grid.voxel_size_nm[1])
                            : 4.0 / 3.0 * units::pi * radius * radius * radius / grid.voxel_volume_nm3();
  return std::max(1.0, voxels);
}

DomainSizes measured_sizes(const std::string& text, const std::string& origin, double minimum_nm) {
  DomainSizes sizes;
  sizes.law = SizeLaw::measured;
  sizes.minimum_nm = minimum_nm;
  std::istringstream lines(text);
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream stream(line.substr(0, line.find('#')));
    const std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
    if (words.empty()) continue;
    const double diameter = number_of(words[0]);
    const double weight = words.size() > 1 ? number_of(words[1]) : 1.0;
    if (words.size() > 2 || !(diameter > 0.0) || !(weight >= 0.0) || !std::isfinite(diameter * weight)) {
      throw input_error("{}, line {}: '{}' is not 'diameter' or 'diameter weight' (nm, positive): mend the line",
                        origin, number, line);
    }
    sizes.measured_nm.push_back(diameter);
    sizes.weights.push_back(weight);
  }
  double total = 0.0;
  double mean = 0.0;
  for (std::size_t i = 0; i < sizes.weights.size(); ++i) {
    total += sizes.weights[i];
    mean += sizes.weights[i] * sizes.measured_nm[i];
  }
  if (!(total > 0.0)) throw input_error("{} holds no diameter with a weight: give one number (nm) a line", origin);
  sizes.mean_nm = mean / total;
  double variance = 0.0;
  for (std::size_t i = 0; i < sizes.weights.size(); ++i) {
    variance += sizes.weights[i] * (sizes.measured_nm[i] - sizes.mean_nm) * (sizes.measured_nm[i] - sizes.mean_nm);
  }
  sizes.spread_nm = std::sqrt(variance / total);
  return sizes;
}

double draw_diameter_nm(const DomainSizes& sizes, RandomStream& random) {
  switch (sizes.law) {
    case SizeLaw::normal:
      return random.normal(sizes.mean_nm, sizes.spread_nm);
    case SizeLaw::log_normal: {
      const double variance = std::log1p(sizes.spread_nm * sizes.spread_nm / (sizes.mean_nm * sizes.mean_nm));
      return std::exp(random.normal(std::log(sizes.mean_nm) - 0.5 * variance, std::sqrt(variance)));
    }
    case SizeLaw::measured: {
      double total = 0.0;
      for (const double weight : sizes.weights) total += weight;
      double left = total * random.uniform();
      for (std::size_t i = 0; i < sizes.weights.size(); ++i) {
        left -= sizes.weights[i];
        if (left < 0.0) return sizes.measured_nm[i];
      }
      return sizes.measured_nm.back();
    }
  }
  return sizes.mean_nm;
}

std::vector<DomainDraw> draw_domains(const VoxelGrid& grid, const DomainSizes& sizes, double target_voxels,
                                     std::uint64_t seed, std::uint8_t population) {
  const double box = smallest_edge_nm(grid);
  if (!(std::isfinite(sizes.mean_nm) && sizes.mean_nm >= 0.0) || !(sizes.spread_nm >= 0.0) ||
      !std::isfinite(sizes.spread_nm) || !(sizes.minimum_nm >= 0.0)) {
    throw input_error(
        "domain diameters of {} +- {} nm, at least {} nm, are impossible: give finite numbers that are not "
        "negative (0 means single voxels)",
        sizes.mean_nm, sizes.spread_nm, sizes.minimum_nm);
  }
  if (sizes.mean_nm + sizes.spread_nm > box) {
    throw input_error(
        "domains of {} +- {} nm do not fit into a box whose shortest edge is {:.6g} nm: use smaller domains "
        "or more voxels",
        sizes.mean_nm, sizes.spread_nm, box);
  }
  if (sizes.minimum_nm > sizes.mean_nm && sizes.mean_nm > 0.0) {
    throw input_error("a minimum domain diameter of {} nm lies above the mean of {} nm: lower the minimum",
                      sizes.minimum_nm, sizes.mean_nm);
  }
  const bool single_voxels = sizes.mean_nm == 0.0;
  std::vector<DomainDraw> draws;
  double remaining = target_voxels;
  double carry = 0.0;
  const double half_mean = 0.5 * domain_volume_voxels(grid, sizes.mean_nm);
  // Draws that would overshoot are skipped, until what is missing is less than half a mean domain.
  int skipped = 0;
  for (std::uint64_t index = 0; remaining > half_mean && skipped < most_skipped; ++index) {
    double diameter = equivalent_diameter_nm(grid, 1.0);
    if (!single_voxels) {
      RandomStream random(seed, RandomPurpose::catalog_domains, index, 1U + population);
      int drawn = 0;
      do {
        diameter = draw_diameter_nm(sizes, random);
        // A law that hardly ever fits would be drawn for ever.
        if (++drawn > most_redraws) {
          throw input_error(
              "domain diameters hardly ever lie between the minimum of {} nm and the box's shortest edge of {:.6g} nm: "
              "lower the minimum or use more voxels",
              sizes.minimum_nm, box);
        }
      } while (diameter < sizes.minimum_nm || diameter > box);
    }
    const double exact = single_voxels ? 1.0 : domain_volume_voxels(grid, diameter) + carry;
    const double whole = std::max(1.0, std::round(exact));
    if (whole > remaining + half_mean) {
      ++skipped;
      continue;
    }
    carry = exact - whole;
    remaining -= whole;
    draws.push_back({population, static_cast<float>(diameter), static_cast<std::int32_t>(whole)});
  }
  return draws;
}

void pack_domains(const VoxelGrid& grid, std::span<const DomainDraw> domains, std::uint64_t seed,
                  const DomainSink& sink) {
  Packer packer(grid);
  const std::array<double, 3> edges = {static_cast<double>(grid.nx) * grid.voxel_size_nm[0],
                                       static_cast<double>(grid.ny) * grid.voxel_size_nm[1],
                                       static_cast<double>(grid.nz) * grid.voxel_size_nm[2]};
  for (std::size_t row = 0; row < domains.size(); ++row) {
    RandomStream random(seed, RandomPurpose::catalog_domains, row, 0);
    bool placed = false;
    std::array<double, 3> centre{};
    for (int trial = 0; !placed && trial < compact_trials + deformed_trials; ++trial) {
      for (std::size_t axis = 0; axis < 3; ++axis) centre[axis] = edges[axis] * random.uniform();
      if (grid.dimensions() == 2) centre[2] = 0.5 * edges[2];
      placed = trial < compact_trials ? packer.place_compact(centre, domains[row].voxels)
                                      : packer.place_deformed(centre, domains[row].voxels);
    }
    if (!placed) {
      throw input_error(
          "domain {} of {} ({:.3g} nm across) found no place in {} trials: use a smaller volume fraction, "
          "smaller domains or more voxels",
          row + 1, domains.size(), domains[row].diameter_nm, compact_trials + deformed_trials);
    }
    packer.take();
    sink(row, centre, packer.voxels());
  }
}

}  // namespace mesoglass::catalog
