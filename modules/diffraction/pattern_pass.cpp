#include "diffraction/pattern_pass.hpp"

#include <algorithm>

namespace mesoglass::diffraction {

PatternPass::PatternPass(const PolarGrid& grid, const PatternShape& shape, PatternStatistics* statistics,
                         OrderFreeSums* pixel_sums, MapStack* maps, const LaneKernels& kernels, LocalMeasures* local,
                         KCovariance* covariance)
    : grid_(grid),
      pixels_(static_cast<std::size_t>(shape.pixels())),
      statistics_(statistics),
      pixel_sums_(pixel_sums),
      maps_(maps),
      kernels_(kernels),
      local_(local),
      covariance_(covariance),
      nothing_(pixels_, 0.0F),
      lanes_(pixels_ * static_cast<std::size_t>(kernels.lanes), 0.0F),
      values_(static_cast<std::size_t>(grid.angles) * static_cast<std::size_t>(kernels.lanes), 0.0F),
      sums_(static_cast<std::size_t>(kernels.lanes), 0.0F),
      row_pixels_(pixels_, 0.0) {}

void PatternPass::add(std::int64_t row, std::int64_t column, std::span<const float> pattern,
                      const InterpolationTable& table, double reference, int group) {
  const std::size_t block = statistics_ != nullptr ? statistics_->block_at(row, column) : 0;
  const bool other_part = row != row_ || block != block_;
  if (waiting_ > 0 && (other_part || &table != table_ || waiting_ == kernels_.lanes)) work();
  if (other_part) close_part();
  if (row != row_ && row_ >= 0) close_row();
  row_ = row;
  block_ = block;
  part_open_ = true;
  table_ = &table;
  patterns_[static_cast<std::size_t>(waiting_)] = pattern.data();
  columns_[static_cast<std::size_t>(waiting_)] = column;
  references_[static_cast<std::size_t>(waiting_)] = reference;
  groups_[static_cast<std::size_t>(waiting_)] = static_cast<std::uint8_t>(group);
  ++waiting_;
}

void PatternPass::settle() {
  if (waiting_ > 0) work();
}

void PatternPass::flush() {
  settle();
  close_part();
  close_row();
  if (maps_ != nullptr) maps_->flush();
}

void PatternPass::work() {
  std::fill(patterns_.begin() + waiting_, patterns_.end(), nothing_.data());
  kernels_.interleave(patterns_.data(), pixels_, lanes_.data(), row_pixels_.data());
  const Range map_bins = maps_ != nullptr ? maps_->bins() : Range{};
  const Range bins = statistics_ != nullptr ? Range{0, grid_.bins} : map_bins;
  const auto columns = std::span<const std::int64_t>(columns_).first(static_cast<std::size_t>(waiting_));
  const auto references = std::span<const double>(references_).first(static_cast<std::size_t>(waiting_));
  if (maps_ != nullptr) maps_->begin(row_, columns, references, kernels_);
  if (local_ != nullptr) local_->begin(row_, columns, references);
  KCovariance* covariance = covariance_ != nullptr && KCovariance::uses_row(row_) ? covariance_ : nullptr;
  if (covariance != nullptr) covariance->begin(references);
  for (auto bin = static_cast<int>(bins.begin); bin < bins.end; ++bin) {
    table_->transform_bin(kernels_, lanes_.data(), bin, values_.data());
    if (statistics_ != nullptr) {
      kernels_.sum(values_.data(), grid_.angles, sums_.data());
      const LanePowers powers =
          statistics_->add_bin(bin, values_.data(), sums_.data(), waiting_, *table_, groups_.data());
      if (local_ != nullptr) local_->add_bin(bin, values_.data(), sums_.data(), powers, *table_);
      if (covariance != nullptr) covariance->add_bin(bin, values_.data(), sums_.data(), *table_);
    }
    if (map_bins.contains(bin)) maps_->add_bin(bin, values_.data(), kernels_);
  }
  if (maps_ != nullptr) maps_->end(*table_);
  if (local_ != nullptr) local_->end();
  if (covariance != nullptr) covariance->end(*table_);
  waiting_ = 0;
}

void PatternPass::close_part() {
  if (!part_open_) return;
  if (statistics_ != nullptr) statistics_->close_part(block_);
  if (pixel_sums_ != nullptr) pixel_sums_->add(0, row_pixels_);
  std::fill(row_pixels_.begin(), row_pixels_.end(), 0.0);
  part_open_ = false;
}

void PatternPass::close_row() {
  if (covariance_ != nullptr && KCovariance::uses_row(row_)) covariance_->close_row(row_);
}

}  // namespace mesoglass::diffraction
