#include "diffraction/intensity_correlation.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace mesoglass::diffraction {

namespace {

// Sum of a[i] b[i], in eight interleaved sums that a compiler keeps in vectors.
double product_sum(const float* a, const float* b, std::size_t count) {
  constexpr std::size_t lanes = 8;
  double sums[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      sums[lane] += static_cast<double>(a[i + lane]) * static_cast<double>(b[i + lane]);
    }
  }
  double rest = 0.0;
  for (; i < count; ++i) rest += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return ((sums[0] + sums[4]) + (sums[1] + sums[5])) + ((sums[2] + sums[6]) + (sums[3] + sums[7])) + rest;
}

// The sums over the frames of a part of the series, of every sample, while the part shrinks.
struct PartSums {
  std::vector<double> values;
  double frames = 0.0;

  void add(const float* frame, double times) {
    for (std::size_t i = 0; i < values.size(); ++i) values[i] += times * static_cast<double>(frame[i]);
    frames += times;
  }
  void add_squares(const float* frame, double times) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      const auto value = static_cast<double>(frame[i]);
      values[i] += times * (value * value);
    }
    frames += times;
  }
};

}  // namespace

std::vector<std::int64_t> correlation_lags(std::int64_t frames) {
  constexpr std::int64_t every_lag_to = 16;
  constexpr double a_doubling = 12.0;
  std::vector<std::int64_t> lags;
  const std::int64_t last = frames / 2;
  for (std::int64_t lag = 1; lag <= std::min(last, every_lag_to); ++lag) lags.push_back(lag);
  for (int step = 1; !lags.empty(); ++step) {
    const auto lag = static_cast<std::int64_t>(
        std::llround(static_cast<double>(every_lag_to) * std::exp2(static_cast<double>(step) / a_doubling)));
    if (lag > last) break;
    lags.push_back(lag);
  }
  return lags;
}

std::vector<double> CorrelationSums::g2(std::optional<std::size_t> left_out) const {
  std::vector<double> result(lags, std::numeric_limits<double>::quiet_NaN());
  for (std::size_t lag = 0; lag < lags; ++lag) {
    double product = 0.0, mean = 0.0;
    for (std::size_t sector = 0; sector < sectors; ++sector) {
      if (left_out && sector == *left_out) continue;
      product += products[sector * lags + lag];
      mean += means[sector * lags + lag];
    }
    if (mean > 0.0) result[lag] = product / mean;
  }
  return result;
}

CorrelationSums correlate_frames(std::span<const float> values, std::span<const std::uint8_t> kept,
                                 std::span<const std::int64_t> lags, std::span<const Range> sectors) {
  const auto frames = static_cast<std::int64_t>(kept.size());
  const std::size_t samples = kept.empty() ? 0 : values.size() / kept.size();
  const auto frame_at = [&](std::int64_t frame) { return values.data() + static_cast<std::size_t>(frame) * samples; };
  const auto is_kept = [&](std::int64_t frame) { return kept[static_cast<std::size_t>(frame)] != 0; };

  CorrelationSums sums;
  sums.sectors = sectors.size();
  sums.lags = lags.size();
  sums.products.assign(sums.sectors * sums.lags, 0.0);
  sums.means.assign(sums.sectors * sums.lags, 0.0);
  PartSums first{std::vector<double>(samples, 0.0)};  // frames [0, frames - lag)
  PartSums last{std::vector<double>(samples, 0.0)};   // frames [lag, frames)
  PartSums both{std::vector<double>(samples, 0.0)};   // squares of frames in both
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    if (!is_kept(frame)) continue;
    first.add(frame_at(frame), 1.0);
    both.add_squares(frame_at(frame), 1.0);
  }
  // The deviations from a sample's mean m: dI dI' = I I' - I m - I' m + m m.
  std::vector<float> mean(samples);
  for (std::size_t i = 0; i < samples; ++i) mean[i] = static_cast<float>(first.values[i] / std::max(1.0, first.frames));
  const double mean_squares = product_sum(mean.data(), mean.data(), samples);
  std::vector<double> with_mean(kept.size(), 0.0);
  for (std::int64_t frame = 0; frame < frames; ++frame) {
    with_mean[static_cast<std::size_t>(frame)] = product_sum(frame_at(frame), mean.data(), samples);
  }
  double far_sum = 0.0, far_squares = 0.0, far_pairs = 0.0;
  const std::size_t far_from = lags.size() / 2;

  last = first;
  std::int64_t done = 0;  // the lag that the parts are for
  for (std::size_t index = 0; index < lags.size(); ++index) {
    const std::int64_t lag = lags[index];
    for (; done < lag; ++done) {
      const std::int64_t early = done, late = frames - 1 - done;
      if (is_kept(late)) first.add(frame_at(late), -1.0);
      if (is_kept(early)) last.add(frame_at(early), -1.0);
      if (early < late && is_kept(early)) both.add_squares(frame_at(early), -1.0);
      if (early <= late && is_kept(late)) both.add_squares(frame_at(late), -1.0);
    }
    double pairs = 0.0;
    for (std::int64_t frame = 0; frame + lag < frames; ++frame) {
      if (!is_kept(frame) || !is_kept(frame + lag)) continue;
      pairs += 1.0;
      double total = 0.0;
      for (std::size_t sector = 0; sector < sectors.size(); ++sector) {
        const auto begin = static_cast<std::size_t>(sectors[sector].begin);
        const double product = product_sum(frame_at(frame) + begin, frame_at(frame + lag) + begin,
                                           static_cast<std::size_t>(sectors[sector].size()));
        sums.products[sector * sums.lags + index] += product;
        total += product;
      }
      if (index < far_from) continue;
      const double deviation = total - with_mean[static_cast<std::size_t>(frame)] -
                               with_mean[static_cast<std::size_t>(frame + lag)] + mean_squares;
      far_sum += deviation;
      far_squares += deviation * deviation;
      far_pairs += 1.0;
    }
    const double unequal = first.frames * last.frames - both.frames;
    for (std::size_t sector = 0; sector < sectors.size(); ++sector) {
      double mean_product = 0.0;
      for (auto i = static_cast<std::size_t>(sectors[sector].begin); i < static_cast<std::size_t>(sectors[sector].end);
           ++i) {
        mean_product += first.values[i] * last.values[i] - both.values[i];
      }
      const std::size_t place = sector * sums.lags + index;
      const bool known = pairs > 0.0 && unequal > 0.0;
      sums.products[place] = known ? sums.products[place] / pairs : 0.0;
      sums.means[place] = known ? mean_product / unequal : 0.0;
    }
  }
  if (far_pairs > 0.0 && mean_squares > 0.0) {
    // The sample's mean holds both frames, which makes the deviations' mean negative.
    const double mean_deviation = far_sum / far_pairs;
    sums.pair_deviation =
        std::sqrt(std::max(0.0, far_squares / far_pairs - mean_deviation * mean_deviation)) / mean_squares;
  }
  return sums;
}

}  // namespace mesoglass::diffraction
