// Dark-field maps that show one kind of medium-range order alone, from the stacks of a scan's bands of k.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "diffraction/map_stack.hpp"
#include "diffraction/type_profiles.hpp"

namespace mesoglass::diffraction {

// Gathers what unmixing needs from one band after another: the kinds' own bins, and what all angles have in common. A
// band that holds all k keeps its stack, and the new maps take the place of the kinds' bins; several leave copies.
class TypeMaps {
 public:
  // `unmixing` of at least one kind; the rest as for MapStack.
  TypeMaps(TypesUnmixing unmixing, const PolarGrid& grid, Range rows, std::int64_t scan_ny, std::int64_t scan_nx);
  [[nodiscard]] int count() const noexcept { return static_cast<int>(unmixing_.kinds.size()); }

  // Bands in the order of their k, each when nothing else needs it any more.
  void add(std::unique_ptr<MapStack> band);
  // After the last: makes the kinds' maps.
  void unmix();
  // Division by what all angles have in common leaves the halo as it is and makes speckles taller where many others
  // take electrons from it. Undoes the latter: what lies above each kind's `backgrounds` gets its own height back.
  // After unmix(), once.
  void restore_heights(std::span<const double> backgrounds);
  // Rank p gets whole maps of kind first + p, nothing where there are fewer. After unmix(). Collective.
  [[nodiscard]] std::vector<BinMaps> exchange(const Communicator& communicator, int first,
                                              std::span<const Range> row_ranges) const;

 private:
  TypesUnmixing unmixing_;
  PolarGrid grid_;
  Range rows_;
  std::int64_t scan_ny_;
  std::int64_t scan_nx_;
  std::unique_ptr<MapStack> maps_;
  std::vector<int> bins_;      // of the kinds in maps_
  std::vector<float> common_;  // of every position
};

}  // namespace mesoglass::diffraction
