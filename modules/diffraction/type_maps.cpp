#include "diffraction/type_maps.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace mesoglass::diffraction {

TypeMaps::TypeMaps(TypesUnmixing unmixing, const PolarGrid& grid, Range rows, std::int64_t scan_ny,
                   std::int64_t scan_nx)
    : unmixing_(std::move(unmixing)),
      grid_(grid),
      rows_(rows),
      scan_ny_(scan_ny),
      scan_nx_(scan_nx),
      common_(static_cast<std::size_t>(rows.size() * scan_nx), 1.0F) {}

void TypeMaps::add(std::unique_ptr<MapStack> band) {
  const Range bins = band->bins();
  for (auto bin = static_cast<int>(bins.begin); bin < bins.end; ++bin) {
    const auto weight = static_cast<float>(unmixing_.common[static_cast<std::size_t>(bin)]);
    if (weight == 0.0F) continue;
    const std::vector<float> means = band->ring_means(bin);
    for (std::size_t i = 0; i < means.size(); ++i) common_[i] += weight * (means[i] - 1.0F);
  }
  if (bins.size() == grid_.bins) {
    for (const TypeUnmixing& unmixing : unmixing_.kinds) bins_.push_back(unmixing.bin);
    maps_ = std::move(band);
    return;
  }
  if (!maps_) {
    const Range kinds{0, static_cast<std::int64_t>(unmixing_.kinds.size())};
    maps_ = std::make_unique<MapStack>(grid_, kinds, rows_, scan_ny_, scan_nx_, std::vector<double>{});
    for (auto kind = kinds.begin; kind < kinds.end; ++kind) bins_.push_back(static_cast<int>(kind));
  }
  for (std::size_t kind = 0; kind < unmixing_.kinds.size(); ++kind) {
    if (!bins.contains(unmixing_.kinds[kind].bin)) continue;
    const auto from = static_cast<const MapStack&>(*band).stored(unmixing_.kinds[kind].bin);
    std::copy(from.begin(), from.end(), maps_->stored(bins_[kind]).begin());
  }
}

void TypeMaps::unmix() {
  const std::size_t kinds = unmixing_.kinds.size();
  const std::size_t positions = common_.size();
  std::vector<float> weights;
  for (const TypeUnmixing& unmixing : unmixing_.kinds) {
    for (const double weight : unmixing.weights) weights.push_back(static_cast<float>(weight));
  }
  std::vector<std::vector<float>> maps(kinds, std::vector<float>(positions));
  std::vector<float> sum(positions), factors(positions);
  for (std::size_t i = 0; i < positions; ++i) factors[i] = common_[i] > 0.0F ? 1.0F / common_[i] : 1.0F;
  for (int angle = 0; angle < grid_.angles; ++angle) {
    const std::size_t offset = static_cast<std::size_t>(angle) * positions;
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      best_kernels().decode(maps_->stored(bins_[kind]).data() + offset, positions, StoredIntensity::zero,
                            StoredIntensity::step, nullptr, maps[kind].data());
    }
    for (std::size_t kind = 0; kind < kinds; ++kind) {
      std::fill(sum.begin(), sum.end(), 1.0F);
      for (std::size_t other = 0; other < kinds; ++other) {
        const float weight = weights[kind * kinds + other];
        const float* map = maps[other].data();
        for (std::size_t i = 0; i < positions; ++i) sum[i] += weight * (map[i] * factors[i] - 1.0F);
      }
      std::uint16_t* target = maps_->stored(bins_[kind]).data() + offset;
      for (std::size_t i = 0; i < positions; ++i) target[i] = StoredIntensity::encode(sum[i]);
    }
  }
}

void TypeMaps::restore_heights(std::span<const double> backgrounds) {
  const std::size_t positions = common_.size();
  std::vector<float> map(positions);
  for (std::size_t kind = 0; kind < backgrounds.size(); ++kind) {
    const auto background = static_cast<float>(backgrounds[kind]);
    for (int angle = 0; angle < grid_.angles; ++angle) {
      std::uint16_t* values = maps_->stored(bins_[kind]).data() + static_cast<std::size_t>(angle) * positions;
      best_kernels().decode(values, positions, StoredIntensity::zero, StoredIntensity::step, nullptr, map.data());
      for (std::size_t i = 0; i < positions; ++i) {
        if (common_[i] > 0.0F) values[i] = StoredIntensity::encode(background + common_[i] * (map[i] - background));
      }
    }
  }
}

std::vector<BinMaps> TypeMaps::exchange(const Communicator& communicator, int first,
                                        std::span<const Range> row_ranges) const {
  const auto begin = static_cast<std::size_t>(first);
  const auto rest = std::span<const int>(bins_).subspan(begin);
  return maps_->exchange(communicator, rest.first(std::min(rest.size(), static_cast<std::size_t>(communicator.size()))),
                         row_ranges);
}

}  // namespace mesoglass::diffraction
