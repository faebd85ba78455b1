#include "diffraction/k_covariance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/units.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr double angle_spacing = 0.15;  // rad; speckles of 1 nm are 0.2 rad wide, larger domains' 0.15 and more
constexpr double apart_px = 2.0;        // samples this far apart share no pixel
constexpr std::size_t tables_kept = 64;
constexpr std::int64_t most_strips = 10;
constexpr std::int64_t least_strip_rows = 6;  // about as far as a domain is seen
constexpr double largest_square = 16.0;       // of a relative intensity, mean over all patterns

std::size_t pairs(int bins) {
  return static_cast<std::size_t>(bins) * static_cast<std::size_t>(bins + 1) / 2;
}

int stride_of(const PolarGrid& grid) {
  return std::max(1, static_cast<int>(angle_spacing * grid.angles / (2.0 * units::pi) + 0.01));
}

int columns_of(const PolarGrid& grid) {
  const int stride = stride_of(grid);
  return (grid.angles / 2 + stride - 1) / stride;
}

int near_of(const PolarGrid& grid) {
  return std::clamp(static_cast<int>(std::ceil(apart_px / grid.radius_step_px - 1e-9)), 1, grid.bins);
}

}  // namespace

KCovariance::KCovariance(const PolarGrid& grid, std::vector<double> expected, std::int64_t scan_ny,
                         std::int64_t scan_nx, const LaneKernels& kernels)
    : grid_(grid),
      expected_(std::move(expected)),
      kernels_(kernels),
      stride_(stride_of(grid)),
      columns_(columns_of(grid)),
      near_(near_of(grid)),
      even_(place_of(grid.bins, 0) * static_cast<std::size_t>(kernels.lanes), 0.0F),
      odd_(even_.size(), 0.0F),
      row_products_(pairs(grid.bins) * lane_group, 0.0F),
      row_near_(static_cast<std::size_t>(grid.bins * near_) * lane_group, 0.0F),
      row_even_(place_of(grid.bins, 0) * lane_group, 0.0F),
      row_odd_(row_even_.size(), 0.0F),
      row_counts_(static_cast<std::size_t>(columns_), 0.0),
      scan_ny_(scan_ny) {
  const auto positions = static_cast<double>(scan_ny * scan_nx);
  const double largest_product = largest_square * columns_ * positions;
  const double largest_sum = largest_square * positions;
  const std::int64_t strips = std::clamp<std::int64_t>(scan_ny / least_strip_rows, 1, most_strips);
  sums_.assign(static_cast<std::size_t>(strips),
               {OrderFreeSums(pairs(grid.bins), largest_product),
                OrderFreeSums(static_cast<std::size_t>(grid.bins * near_), largest_product),
                OrderFreeSums(place_of(grid.bins, 0), largest_sum), OrderFreeSums(place_of(grid.bins, 0), largest_sum),
                OrderFreeSums(static_cast<std::size_t>(columns_), positions)});
}

const std::vector<float>& KCovariance::whole_angles(const InterpolationTable& table) {
  if (const auto found = whole_.find(table.identity()); found != whole_.end()) return found->second;
  if (whole_.size() >= tables_kept) whole_.clear();
  std::vector<float> whole(static_cast<std::size_t>(columns_), 1.0F);
  for (int bin = 0; bin < grid_.bins; ++bin) {
    if (table.valid_angles(bin) == grid_.angles || table.valid_angles(bin) == 0) continue;
    for (int column = 0; column < columns_; ++column) {
      for (const int angle : {column * stride_, column * stride_ + grid_.angles / 2}) {
        if (table.is_missing(static_cast<std::size_t>(bin * grid_.angles + angle))) {
          whole[static_cast<std::size_t>(column)] = 0.0F;
        }
      }
    }
  }
  return whole_.emplace(table.identity(), std::move(whole)).first->second;
}

void KCovariance::begin(std::span<const double> references) {
  scale_.fill(0.0F);
  for (std::size_t lane = 0; lane < references.size(); ++lane) {
    if (references[lane] > 0.0) scale_[lane] = static_cast<float>(1.0 / references[lane]);
  }
}

void KCovariance::add_bin(int bin, const float* values, const float* sums, const InterpolationTable& table) {
  const auto lanes = static_cast<std::size_t>(kernels_.lanes);
  const double expected = expected_[static_cast<std::size_t>(bin)];
  const int valid = table.valid_angles(bin);
  float* even = even_.data() + place_of(bin, 0) * lanes;
  float* odd = odd_.data() + place_of(bin, 0) * lanes;
  if (!(expected > 0.0) || valid == 0) {
    std::fill(even, even + static_cast<std::size_t>(columns_) * lanes, 0.0F);
    std::fill(odd, odd + static_cast<std::size_t>(columns_) * lanes, 0.0F);
    return;
  }
  const std::vector<float>& whole = whole_angles(table);
  const auto half_by_expected = static_cast<float>(0.5 / expected);
  const float by_valid = 1.0F / static_cast<float>(valid);
  const std::size_t opposite = static_cast<std::size_t>(grid_.angles / 2) * lanes;
  std::array<float, most_lanes> factor{}, twice_mean{};
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    factor[lane] = scale_[lane] * half_by_expected;
    twice_mean[lane] = 2.0F * sums[lane] * by_valid;
  }
  for (int column = 0; column < columns_; ++column, even += lanes, odd += lanes) {
    const float used = whole[static_cast<std::size_t>(column)];
    const float* one = values + static_cast<std::size_t>(column * stride_) * lanes;
    const float* other = one + opposite;
    for (std::size_t first = 0; first < lanes; first += lane_group) {
      for (std::size_t lane = first; lane < first + lane_group; ++lane) {
        even[lane] = used * factor[lane] * (one[lane] + other[lane] - twice_mean[lane]);
        odd[lane] = used * factor[lane] * (one[lane] - other[lane]);
      }
    }
  }
}

void KCovariance::end(const InterpolationTable& table) {
  const auto lanes = static_cast<std::size_t>(kernels_.lanes);
  kernels_.add_products(even_.data(), grid_.bins, columns_, row_products_.data());
  for (std::size_t first = 0; first < lanes; first += lane_group) {
    for (std::size_t place = 0; place < place_of(grid_.bins, 0); ++place) {
      for (std::size_t lane = 0; lane < lane_group; ++lane) {
        row_even_[place * lane_group + lane] += even_[place * lanes + first + lane];
        row_odd_[place * lane_group + lane] += odd_[place * lanes + first + lane];
      }
    }
    for (int bin = 0; bin < grid_.bins; ++bin) {
      for (int apart = 0; apart < std::min(near_, grid_.bins - bin); ++apart) {
        std::array<float, lane_group> sum{};
        for (int column = 0; column < columns_; ++column) {
          const float* one = odd_.data() + place_of(bin, column) * lanes + first;
          const float* other = odd_.data() + place_of(bin + apart, column) * lanes + first;
          for (std::size_t lane = 0; lane < lane_group; ++lane) sum[lane] += one[lane] * other[lane];
        }
        float* target = row_near_.data() + static_cast<std::size_t>(bin * near_ + apart) * lane_group;
        for (std::size_t lane = 0; lane < lane_group; ++lane) target[lane] += sum[lane];
      }
    }
  }
  double patterns = 0.0;
  for (const float scale : scale_) patterns += scale > 0.0F ? 1.0 : 0.0;
  const std::vector<float>& whole = whole_angles(table);
  for (std::size_t column = 0; column < whole.size(); ++column) {
    row_counts_[column] += patterns * static_cast<double>(whole[column]);
  }
}

void KCovariance::close_row(std::int64_t row) {
  Sums& strip = sums_[static_cast<std::size_t>(row * strips() / scan_ny_)];
  const auto move = [](AlignedValues<float>& of_row, OrderFreeSums& sums) {
    std::vector<double> terms(sums.size(), 0.0);
    for (std::size_t index = 0; index < terms.size(); ++index) {
      for (std::size_t lane = 0; lane < lane_group; ++lane) {
        terms[index] += static_cast<double>(of_row[index * lane_group + lane]);
      }
    }
    sums.add(0, terms);
    std::fill(of_row.begin(), of_row.end(), 0.0F);
  };
  move(row_products_, strip.products);
  move(row_near_, strip.near_products);
  move(row_even_, strip.even);
  move(row_odd_, strip.odd);
  strip.counts.add(0, row_counts_);
  std::fill(row_counts_.begin(), row_counts_.end(), 0.0);
}

void KCovariance::reduce(const Communicator& communicator) {
  for (Sums& strip : sums_) {
    for (auto* sums : {&strip.products, &strip.near_products, &strip.even, &strip.odd, &strip.counts}) {
      sums->reduce(communicator);
    }
  }
}

std::vector<double> KCovariance::matrix(std::optional<int> left_out) const {
  const auto total_of = [&](OrderFreeSums Sums::*member) {
    std::vector<double> total((sums_.front().*member).size(), 0.0);
    for (int strip = 0; strip < strips(); ++strip) {
      if (left_out == strip) continue;
      const OrderFreeSums& sums = sums_[static_cast<std::size_t>(strip)].*member;
      for (std::size_t index = 0; index < total.size(); ++index) total[index] += sums[index];
    }
    return total;
  };
  const auto products = total_of(&Sums::products), near_products = total_of(&Sums::near_products);
  const auto even = total_of(&Sums::even), odd = total_of(&Sums::odd), counts = total_of(&Sums::counts);
  const auto bins = static_cast<std::size_t>(grid_.bins);
  std::vector<double> result(bins * bins, 0.0);
  double total = 0.0;
  for (const double count : counts) total += count;
  if (!(total > 0.0)) return result;
  const auto of_means = [&](const std::vector<double>& sums, int i, int j) {
    double sum = 0.0;
    for (int column = 0; column < columns_; ++column) {
      const double count = counts[static_cast<std::size_t>(column)];
      if (count > 0.0) sum += sums[place_of(i, column)] * sums[place_of(j, column)] / count;
    }
    return sum;
  };
  std::size_t pair = 0;
  for (int i = 0; i < grid_.bins; ++i) {
    for (int j = i; j < grid_.bins; ++j, ++pair) {
      double sum = products[pair] - of_means(even, i, j);
      if (j - i < near_) {
        sum -= near_products[static_cast<std::size_t>(i * near_ + j - i)] - of_means(odd, i, j);
      }
      result[static_cast<std::size_t>(i) * bins + static_cast<std::size_t>(j)] = sum / total;
      result[static_cast<std::size_t>(j) * bins + static_cast<std::size_t>(i)] = sum / total;
    }
  }
  return result;
}

}  // namespace mesoglass::diffraction
