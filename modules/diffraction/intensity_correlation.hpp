// Intensity correlation g2(t) of one probe position's time series (electron correlation microscopy): He, Zhang, Besser,
// Kramer and Voyles, Microsc. Microanal. (2015), doi:10.1017/S1431927615000641.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/distribution.hpp"

namespace mesoglass::diffraction {

// Lags in frames at which g2 of a series is measured: all to 16, then twelve a doubling, up to half of the series.
// Pure.
[[nodiscard]] std::vector<std::int64_t> correlation_lags(std::int64_t frames);

// What makes g2, summed over the samples (k, phi) of each sector of angles.
struct CorrelationSums {
  std::size_t sectors = 0;
  std::size_t lags = 0;
  std::vector<double> products;  // (sector, lag): mean over pairs of frames of I(t') I(t' + t)
  std::vector<double> means;     // (sector, lag): mean of the first part times mean of the last, without equal frames
  // Standard deviation, over pairs of frames that are far apart, of the sum over all samples of dI(t') dI(t''), over
  // the sum of <I>^2: were the frames in random order, g2(t) would scatter by this over the root of the number of
  // pairs.
  double pair_deviation = 0.0;

  // products / means over all sectors, or over all but one; NaN where there is nothing. Pure.
  [[nodiscard]] std::vector<double> g2(std::optional<std::size_t> left_out = std::nullopt) const;
};

// Every sample's <I(t') I(t' + t)> over the frames t', and <I> over the first frames - t frames times <I> over the last
// ones (split or symmetric normalisation: Schaetzel, Drewel and Stimac, J. Mod. Opt. 35 (1988) 711), in which no frame
// is multiplied with itself, so that counting noise, which different frames do not share, is in neither. `values` has
// the shape (frames, samples); a frame with kept = 0 takes no part and holds zeros. `sectors` are ranges of samples;
// `lags` ascend and are at most half of the frames. Sums in double precision in a fixed order. Pure.
[[nodiscard]] CorrelationSums correlate_frames(std::span<const float> values, std::span<const std::uint8_t> kept,
                                               std::span<const std::int64_t> lags, std::span<const Range> sectors);

}  // namespace mesoglass::diffraction
