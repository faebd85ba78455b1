#include "diffraction/survey.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include "core/distribution.hpp"
#include "core/error.hpp"
#include "diffraction/pattern_pass.hpp"
#include "scan/row_stream.hpp"

namespace mesoglass::diffraction {

namespace {

constexpr std::int64_t survey_patterns = 2048;
constexpr std::int64_t least_rows = 8;
constexpr std::int64_t least_pattern_side = 16;
constexpr double ring_inner_ratio = 1.5;  // of the disc's radius: where its skirt has ended
constexpr double aperture_ratio = 1.25;   // of the disc's radius

// Adds the rows of all ranks in row order, so that the sum has the same bits on any number of ranks. `rows` holds this
// rank's rows one after the other. Collective.
std::vector<double> sum_in_row_order(const Communicator& communicator, std::span<const double> rows,
                                     std::size_t width) {
  std::vector<double> total(width, 0.0);
  const int rank = communicator.rank();
  const int last = communicator.size() - 1;
  const auto count = static_cast<int>(width);
  if (rank > 0) {
    check_mpi(MPI_Recv(total.data(), count, MPI_DOUBLE, rank - 1, 0, communicator.get(), MPI_STATUS_IGNORE),
              "MPI_Recv");
  }
  for (std::size_t row = 0; row + width <= rows.size(); row += width) {
    for (std::size_t index = 0; index < width; ++index) total[index] += rows[row + index];
  }
  if (rank < last) {
    check_mpi(MPI_Send(total.data(), count, MPI_DOUBLE, rank + 1, 0, communicator.get()), "MPI_Send");
  }
  communicator.broadcast(std::span<double>(total), last);
  return total;
}

using PatternAction = std::function<void(std::int64_t row, std::int64_t column, std::span<const float> pattern)>;

// This rank's share of the survey's rows, one at a time; all ranks at once (see RowStream). Pixels that are not `good`
// hold numbers, whatever they held.
void for_each_pattern(const scan::ScanReader& reader, std::span<const std::int64_t> rows,
                      std::span<const std::uint8_t> good, const PatternAction& action) {
  const std::vector<std::size_t> left_out = left_out_pixels(good);
  const auto& scan = reader.description();
  const auto pixels = static_cast<std::size_t>(scan.pixels());
  std::vector<Range> blocks;
  for (const std::int64_t row : rows) blocks.push_back({row, row + 1});
  scan::RowStream stream(reader, blocks, patterns_a_piece(scan));
  while (const auto block = stream.next()) {
    for (std::int64_t column = block->columns.begin; column < block->columns.end; ++column) {
      const auto place = static_cast<std::size_t>(column - block->columns.begin);
      const auto pattern = block->patterns.subspan(place * pixels, pixels);
      clear_not_finite(pattern, left_out);
      action(block->rows.begin, column, pattern);
    }
  }
}

bool all_finite(std::span<const float> pattern) {
  double sum = 0.0;
  for (const float value : pattern) sum += static_cast<double>(value) * 0.0;
  return sum == 0.0;
}

std::vector<float> to_float(std::span<const double> sums, double scale) {
  std::vector<float> result(sums.size());
  for (std::size_t index = 0; index < sums.size(); ++index) result[index] = static_cast<float>(sums[index] * scale);
  return result;
}

// A row of a pattern moved by whole pixels, one pixel longer; zero outside the pattern and where pixels do not count.
struct MovedRow {
  explicit MovedRow(std::int64_t nx) : values(static_cast<std::size_t>(nx) + 1), counted(values.size()) {}
  std::vector<double> values, counted;
};

// Adds `pattern`, finite, moved by (-shift_x, -shift_y) with bilinear weights: to sums[0, pixels) the values, to
// sums[pixels, 2 pixels) the weights, of the pixels `counted` as 1; the others are 0. Corners that are not there add
// zeros, so that the inner loop has no branch and vectorises.
void add_shifted(std::span<const float> pattern, const PatternShape& shape, std::span<const double> counted,
                 Point shift, std::span<double> sums) {
  const auto whole_x = static_cast<std::int64_t>(std::floor(shift.x));
  const auto whole_y = static_cast<std::int64_t>(std::floor(shift.y));
  const double fx = shift.x - static_cast<double>(whole_x);
  const double fy = shift.y - static_cast<double>(whole_y);
  const double weights[4] = {(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy};
  const auto fetch = [&](std::int64_t v, MovedRow& row) {
    std::fill(row.values.begin(), row.values.end(), 0.0);
    std::fill(row.counted.begin(), row.counted.end(), 0.0);
    if (v < 0 || v >= shape.ny) return;
    const std::int64_t end = std::min(shape.nx + 1, shape.nx - whole_x);
    for (std::int64_t x = std::max<std::int64_t>(0, -whole_x); x < end; ++x) {
      const auto source = static_cast<std::size_t>(v * shape.nx + x + whole_x);
      const auto target = static_cast<std::size_t>(x);
      row.counted[target] = counted[source];
      row.values[target] = counted[source] * static_cast<double>(pattern[source]);
    }
  };
  const auto add = [&](const std::vector<double>& upper, const std::vector<double>& lower, std::span<double> target) {
    for (std::size_t x = 0; x < target.size(); ++x) {
      target[x] = target[x] + weights[0] * upper[x] + weights[1] * upper[x + 1] + weights[2] * lower[x] +
                  weights[3] * lower[x + 1];
    }
  };
  const auto width = static_cast<std::size_t>(shape.nx);
  MovedRow upper(shape.nx), lower(shape.nx);
  fetch(whole_y, upper);
  for (std::int64_t y = 0; y < shape.ny; ++y) {
    fetch(whole_y + y + 1, lower);
    const auto row = static_cast<std::size_t>(y) * width;
    add(upper.values, lower.values, sums.subspan(row, width));
    add(upper.counted, lower.counted, sums.subspan(static_cast<std::size_t>(shape.pixels()) + row, width));
    std::swap(upper, lower);
  }
}

struct DiscSample {
  DiscPosition position;
  double transmittance = 0.0;
};

double median(std::vector<double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2), values.end());
  return values[values.size() / 2];
}

}  // namespace

std::vector<std::int64_t> survey_rows(const scan::ScanDescription& scan) {
  const std::int64_t wanted = std::max(least_rows, (survey_patterns + scan.scan_nx - 1) / scan.scan_nx);
  const std::int64_t count = std::min(wanted, scan.total_rows());
  // Through the series once, and as often over the scan's rows as there are rows to read for.
  const std::int64_t laps = std::max<std::int64_t>(1, count / scan.scan_ny);
  std::vector<std::int64_t> rows;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t frame = (2 * i + 1) * scan.time_frames / (2 * count);
    const std::int64_t row = (2 * i + 1) * laps * scan.scan_ny / (2 * count) % scan.scan_ny;
    rows.push_back(frame * scan.scan_ny + row);
  }
  std::sort(rows.begin(), rows.end());
  rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
  return rows;
}

AreaGeometry survey_area(const Communicator& communicator, const scan::ScanReader& reader,
                         const AnalysisSettings& settings, const Log& log) {
  const scan::ScanDescription& scan = reader.description();
  const std::string source = scan.path.filename().string();
  AreaGeometry geometry;
  geometry.shape = {scan.pattern_ny, scan.pattern_nx};
  geometry.gain = scan.gain.value.value_or(1.0);
  const auto refuse = [&](const Error& error) { collectively(communicator, [&] { throw error; }); };
  if (scan.pattern_ny < least_pattern_side || scan.pattern_nx < least_pattern_side) {
    refuse(input_error(
        "{}: patterns of {} x {} pixels show no rings (at least {} x {} are needed): is this a diffraction scan?",
        source, scan.pattern_ny, scan.pattern_nx, least_pattern_side, least_pattern_side));
  }
  if (!settings.mask.empty()) geometry.good = read_pixel_mask(communicator, settings.mask, geometry.shape);

  const std::vector<std::int64_t> all_rows = survey_rows(scan);
  const Range share = block_of(static_cast<std::int64_t>(all_rows.size()), communicator.rank(), communicator.size());
  const auto rows = std::span<const std::int64_t>(all_rows).subspan(static_cast<std::size_t>(share.begin),
                                                                    static_cast<std::size_t>(share.size()));
  const auto pixels = static_cast<std::size_t>(scan.pixels());
  const auto place_of = [&](std::int64_t row) {
    return static_cast<std::size_t>(std::lower_bound(rows.begin(), rows.end(), row) - rows.begin());
  };

  // 1. Raw mean of the finite patterns; the last element counts them.
  std::vector<double> row_sums(rows.size() * (pixels + 1), 0.0);
  collectively(communicator, [&] {
    for_each_pattern(reader, rows, geometry.good, [&](std::int64_t row, std::int64_t, std::span<const float> pattern) {
      if (!all_finite(pattern)) return;
      double* sums = row_sums.data() + place_of(row) * (pixels + 1);
      for (std::size_t pixel = 0; pixel < pixels; ++pixel) sums[pixel] += static_cast<double>(pattern[pixel]);
      sums[pixels] += 1.0;
    });
  });
  std::vector<double> sums = sum_in_row_order(communicator, row_sums, pixels + 1);
  const double patterns = sums[pixels];
  sums.resize(pixels);
  if (!(patterns > 0.0)) {
    refuse(input_error(
        "{}: every one of the {} sampled patterns has NaN or infinite pixels: the file is damaged, or read with "
        "the wrong element type; pixels that always hold NaN want a --mask",
        source, static_cast<std::int64_t>(all_rows.size()) * scan.scan_nx));
  }
  if (std::all_of(sums.begin(), sums.end(), [](double value) { return value == 0.0; })) {
    refuse(input_error("{}: the {} sampled patterns are all zero: nothing was recorded", source,
                       static_cast<std::int64_t>(patterns)));
  }
  geometry.sampled_patterns = static_cast<std::int64_t>(patterns);
  const std::vector<float> mean = to_float(sums, 1.0 / patterns);
  geometry.mean_pattern = mean;
  for (const float value : mean) {
    geometry.brightest_mean = std::max(geometry.brightest_mean, std::fabs(static_cast<double>(value)));
  }
  if (settings.find_bad_pixels) {
    geometry.bad_pixels = mark_bad_pixels(mean, geometry.shape, geometry.gain, patterns, geometry.good);
    if (geometry.bad_pixels.dead + geometry.bad_pixels.hot > 0) {
      log.information("{}: left out {} dead and {} hot pixels", source, geometry.bad_pixels.dead,
                      geometry.bad_pixels.hot);
    }
  }

  // 2. The disc, its centre over the scan, the transmittance.
  try {
    geometry.disc =
        collectively(communicator, [&] { return find_beam_disc(mean, geometry.shape, geometry.good, source); });
  } catch (const Error&) {
    if (!settings.centre) throw;
    log.warning("{}: no unscattered disc is seen, so there is no transmittance and no thickness filter", source);
  }
  const Point reference{0.5 * static_cast<double>(scan.scan_nx - 1), 0.5 * static_cast<double>(scan.scan_ny - 1)};
  geometry.median_transmittance = std::numeric_limits<double>::quiet_NaN();
  if (geometry.disc) {
    geometry.aperture_radius_px = settings.disc_radius_px.value_or(
        std::max(geometry.disc->radius_px * aperture_ratio, geometry.disc->radius_px + 1.5));
    const DiscMeter meter(geometry.shape, geometry.good, geometry.aperture_radius_px);
    std::vector<DiscSample> own;
    collectively(communicator, [&] {
      for_each_pattern(
          reader, rows, geometry.good, [&](std::int64_t row, std::int64_t column, std::span<const float> pattern) {
            const DiscMeasurement disc = meter.measure(pattern, geometry.disc->centre);
            if (!disc.finite || !(disc.total > 0.0) || !std::isfinite(disc.centre.x)) return;
            own.push_back({{static_cast<double>(row % scan.scan_ny), static_cast<double>(column), disc.centre},
                           disc.disc / settings.vacuum_intensity.value_or(disc.total)});
          });
    });
    const auto samples = communicator.all_gather(std::span<const DiscSample>(own));
    if (samples.empty()) {
      refuse(
          input_error("{}: the disc is not seen in any single pattern (radius {:.1f} px at x = {:.1f}, y = {:.1f}): "
                      "give --centre X,Y",
                      source, geometry.disc->radius_px, geometry.disc->centre.x, geometry.disc->centre.y));
    }
    std::vector<DiscPosition> positions;
    std::vector<double> transmittances;
    for (const DiscSample& sample : samples) {
      positions.push_back(sample.position);
      transmittances.push_back(sample.transmittance);
    }
    geometry.plane = fit_descan_plane(positions);
    geometry.median_transmittance = median(transmittances);
    geometry.transmittances = std::move(transmittances);
  }
  if (settings.centre) {
    geometry.plane = {};
    geometry.plane.x0 = settings.centre->x;
    geometry.plane.y0 = settings.centre->y;
  }
  if (settings.ellipse) geometry.ellipse = *settings.ellipse;
  if (!settings.fit_ring) return geometry;

  // 3. The mean with descan taken out, and the ring on it.
  const Point middle = geometry.plane.at(reference.y, reference.x);
  constexpr double negligible_px = 0.02;
  const double descan =
      std::hypot(geometry.plane.x_column, geometry.plane.y_column) * static_cast<double>(scan.scan_nx) +
      std::hypot(geometry.plane.x_row, geometry.plane.y_row) * static_cast<double>(scan.scan_ny);
  std::vector<float> aligned = mean;
  PixelMask aligned_good = geometry.good;
  if (descan > negligible_px) {
    std::vector<double> aligned_rows(rows.size() * 2 * pixels, 0.0);
    std::vector<double> counted(pixels, 1.0);
    for (const std::size_t pixel : left_out_pixels(geometry.good)) counted[pixel] = 0.0;
    collectively(communicator, [&] {
      for_each_pattern(
          reader, rows, geometry.good, [&](std::int64_t row, std::int64_t column, std::span<const float> pattern) {
            if (!all_finite(pattern)) return;
            const Point here = geometry.plane.at(static_cast<double>(row % scan.scan_ny), static_cast<double>(column));
            add_shifted(pattern, geometry.shape, counted, {here.x - middle.x, here.y - middle.y},
                        std::span<double>(aligned_rows).subspan(place_of(row) * 2 * pixels, 2 * pixels));
          });
    });
    const auto aligned_sums = sum_in_row_order(communicator, aligned_rows, 2 * pixels);
    aligned_good.assign(pixels, 1);
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      const double weight = aligned_sums[pixels + pixel];
      aligned_good[pixel] = weight > 0.5 * patterns ? 1 : 0;
      aligned[pixel] = weight > 0.0 ? static_cast<float>(aligned_sums[pixel] / weight) : 0.0F;
    }
  }
  RingFitOptions options;
  options.inner_radius_px = geometry.disc ? ring_inner_ratio * geometry.disc->radius_px + 2.0
                                          : 0.1 * static_cast<double>(std::min(scan.pattern_ny, scan.pattern_nx));
  options.radius_px = settings.ring_radius_px;
  options.ellipse = settings.ellipse;
  geometry.ring = collectively(
      communicator, [&] { return fit_ring(aligned, geometry.shape, aligned_good, middle, options, source); });
  geometry.ellipse = geometry.ring->ellipse;
  geometry.ring_offset = {geometry.ring->centre.x - middle.x, geometry.ring->centre.y - middle.y};
  if (!geometry.ring->converged) {
    log.warning(
        "{}: the ring fit still moves after its last round: look at the centre and the ellipse before trusting c_n",
        source);
  }
  return geometry;
}

}  // namespace mesoglass::diffraction
