// Whole scans with planted truth, made here, through the same path as mg-analyze.
#include <gtest/gtest.h>

#include <fstream>
#include <limits>
#include <memory>

#include "core/logging.hpp"
#include "core/phase_timers.hpp"
#include "diffraction/area_analysis.hpp"
#include "diffraction/sample_result.hpp"
#include "diffraction/survey.hpp"
#include "scan/scan_reader.hpp"
#include "support/mpi_test.hpp"
#include "synthetic_patterns.hpp"

namespace mesoglass::diffraction {
namespace {

using namespace test;
using mesoglass::test::communicator;
using mesoglass::test::scratch_folder;

const PatternShape detector{64, 64};

// A film with two-fold speckles of one size at one radius, a wedge and descan.
struct Truth {
  std::int64_t ny = 32, nx = 32;
  double step_nm = 0.25;
  double diameter_nm = 1.3;  // full width of the speckles, no probe
  double ring_px = 20.0;
  double speckle_height = 1.0;  // relative to the halo
  Point centre{31.7, 30.9};
  double descan_x = 0.02, descan_y = -0.015;  // px a column, a row
  Ellipse ellipse = Ellipse::from_axes(1.02, 0.5);
  double transmittance = 0.75, wedge = 0.002;  // a column
  double dose = 6e4;
  double gain = 2.0;
};

// Writes the scan as npy (rows, columns, ky, kx) of float32; rank 0 does.
std::filesystem::path write_scan(const Truth& truth, const std::filesystem::path& folder,
                                 const std::function<void(std::vector<float>&)>& damage = {}) {
  const auto path = folder / "scan.npy";
  on_root(communicator(), [&] {
    struct Speckle {
      double x, y, phi;
    };
    RandomStream random(42, RandomPurpose::test, 900);
    std::vector<Speckle> speckles;
    const double width = truth.step_nm * static_cast<double>(truth.nx);
    for (int i = 0; i < 260; ++i) {
      speckles.push_back(
          {random.uniform(-1.5, width + 1.5), random.uniform(-1.5, width + 1.5), random.uniform(0.0, units::pi)});
    }
    const double sigma = truth.diameter_nm / std::sqrt(8.0 * std::log(2.0));
    const double angle_sigma = 0.18;
    std::vector<float> all;
    for (std::int64_t row = 0; row < truth.ny; ++row) {
      for (std::int64_t column = 0; column < truth.nx; ++column) {
        const double px = truth.step_nm * static_cast<double>(column);
        const double py = truth.step_nm * static_cast<double>(row);
        std::vector<std::pair<double, double>> here;  // height, angle
        for (const Speckle& speckle : speckles) {
          const double distance = std::hypot(speckle.x - px, speckle.y - py);
          if (distance < 4.0 * sigma) here.emplace_back(truth.speckle_height * gaussian(distance, sigma), speckle.phi);
        }
        const double transmitted = truth.transmittance - truth.wedge * static_cast<double>(column);
        const Point centre{truth.centre.x + truth.descan_x * static_cast<double>(column),
                           truth.centre.y + truth.descan_y * static_cast<double>(row)};
        auto scattered = draw_pattern(detector, centre, truth.ellipse, [&](double r, double phi) {
          double value = gaussian(r - truth.ring_px, 3.0);
          double speckle = 0.0;
          for (const auto& [height, angle] : here) {
            const double offset = std::remainder(phi - angle, units::pi);
            speckle += height * gaussian(offset, angle_sigma);
          }
          return r < 9.0 ? 0.0 : 0.15 + value * (1.0 + speckle);
        });
        auto disc = draw_pattern(detector, centre, {}, [](double r, double) { return std::clamp(4.5 - r, 0.0, 1.0); });
        double scattered_sum = 0.0, disc_sum = 0.0;
        for (const float value : scattered) scattered_sum += static_cast<double>(value);
        for (const float value : disc) disc_sum += static_cast<double>(value);
        for (std::size_t i = 0; i < scattered.size(); ++i) {
          scattered[i] = static_cast<float>(truth.gain * truth.dose *
                                            (transmitted * static_cast<double>(disc[i]) / disc_sum +
                                             (1.0 - transmitted) * static_cast<double>(scattered[i]) / scattered_sum));
        }
        count_electrons(scattered, truth.gain, 8, static_cast<std::uint64_t>(row * truth.nx + column));
        all.insert(all.end(), scattered.begin(), scattered.end());
      }
    }
    if (damage) damage(all);
    std::ofstream file(path, std::ios::binary);
    std::string header = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}, {}, {}), }}",
                                     truth.ny, truth.nx, detector.ny, detector.nx);
    header.resize((header.size() + 11) / 64 * 64 + 53, ' ');
    header += '\n';
    const auto length = static_cast<std::uint16_t>(header.size());
    file << "\x93NUMPY" << '\x01' << '\x00' << static_cast<char>(length & 0xFF) << static_cast<char>(length >> 8)
         << header;
    file.write(reinterpret_cast<const char*>(all.data()), static_cast<std::streamsize>(all.size() * sizeof(float)));
    if (!file) throw failure("cannot write {}", path.string());
  });
  return path;
}

scan::ReadOptions read_options(const Truth& truth) {
  scan::ReadOptions options;
  options.k_per_pixel_inverse_nm = 0.2;
  options.scan_step_nm = truth.step_nm;
  options.gain = truth.gain;
  return options;
}

SampleResult analyse(const Communicator& ranks, const std::filesystem::path& path, const Truth& truth,
                     const AnalysisSettings& settings) {
  const Log log(ranks, true, {});
  PhaseTimers timers;
  const auto reader = scan::open_scan(ranks, path, read_options(truth));
  std::vector<AreaGeometry> geometry;
  geometry.push_back(survey_area(ranks, *reader, settings, log));
  const KRange range = choose_k_range(geometry, {0.2}, {&reader->description()}, settings);
  std::vector<AreaResult> areas;
  areas.push_back(analyse_area(ranks, *reader, geometry.front(), range, choose_thickness_bins(geometry, settings),
                               settings, log, timers));
  return average_areas(std::move(areas), range, 3.0);
}

AnalysisSettings quick_settings() {
  AnalysisSettings settings;
  settings.k_low = 3.0;
  settings.k_high = 5.0;
  settings.example_maps = 2;
  return settings;
}

void expect_same(const std::vector<double>& a, const std::vector<double>& b, const char* what, double tolerance = 0.0) {
  ASSERT_EQ(a.size(), b.size()) << what;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (std::isnan(a[i]) && std::isnan(b[i])) continue;
    EXPECT_LE(std::fabs(a[i] - b[i]), tolerance * std::fabs(b[i])) << what << " at " << i;
  }
}

TEST(ScanAnalysis, PlantedFilmComesBack) {
  const Truth truth;
  const auto path = write_scan(truth, scratch_folder());
  const SampleResult sample = analyse(communicator(), path, truth, quick_settings());
  const AreaResult& area = sample.areas.front();
  const AreaGeometry& geometry = area.geometry;
  EXPECT_EQ(area.counts.kept, truth.ny * truth.nx);
  // Centre and descan <= 0.1 px, ellipticity <= 0.2 %.
  for (const double row : {0.0, 31.0}) {
    for (const double column : {0.0, 31.0}) {
      EXPECT_NEAR(geometry.centre_at(row, column).x, truth.centre.x + truth.descan_x * column, 0.1);
      EXPECT_NEAR(geometry.centre_at(row, column).y, truth.centre.y + truth.descan_y * row, 0.1);
    }
  }
  EXPECT_NEAR(geometry.ellipse.c, truth.ellipse.c, 0.002);
  EXPECT_NEAR(geometry.ellipse.s, truth.ellipse.s, 0.002);
  EXPECT_NEAR(geometry.ring->radius_px, truth.ring_px, 0.2);
  // Transmittance within 1 %.
  for (const std::size_t column : {0U, 15U, 31U}) {
    const double expected = truth.transmittance - truth.wedge * static_cast<double>(column);
    EXPECT_NEAR(area.transmittance[5 * 32 + column], expected, 0.01 * expected);
  }
  // Speckle size within 8 %: the field holds only some 30 independent speckles a map.
  const auto ring =
      static_cast<std::size_t>(std::lround((truth.ring_px * 0.2 - sample.k_range.k_low) / sample.k_range.k_step));
  EXPECT_NEAR(sample.size.value[ring], truth.diameter_nm, 0.08 * truth.diameter_nm);
  EXPECT_LT(sample.size.error[ring], 0.08 * truth.diameter_nm);
  // Two-fold speckles: even n only, and order falls off the ring.
  EXPECT_GT(sample.order.value[ring], 5.0 * sample.order.error[ring]);
  EXPECT_LT(std::fabs(sample.odd_even_quality.value[ring]), 0.02);
  EXPECT_GT(sample.area_fraction.value[ring], 0.01);
  EXPECT_LT(sample.area_fraction.value[ring], 0.3);
  ASSERT_FALSE(sample.types.empty());
  ASSERT_EQ(area.example_maps.size(), 2U);
}

TEST(ScanAnalysis, DoesNotDependOnRanksOrMemory) {
  Truth truth;
  truth.ny = 18;
  truth.nx = 20;
  const auto path = write_scan(truth, scratch_folder());
  AnalysisSettings settings = quick_settings();
  const SampleResult together = analyse(communicator(), path, truth, settings);
  // Rank 0 alone, and with memory for few bins at a time.
  settings.memory_limit_bytes = 0.0;
  const Communicator self = Communicator::self();
  {
    const auto reader = scan::open_scan(self, path, read_options(truth));
    const PolarGrid grid{15.0, 1.0, together.k_range.bins, settings.angles};
    AnalysisSettings unlimited = settings;
    unlimited.memory_limit_bytes = 1e12;
    const MemoryPlan plan = plan_memory(reader->description(), grid, 1, unlimited);
    settings.memory_limit_bytes = plan.total_bytes - 4.5 * plan.stack_bin_bytes;
    EXPECT_GT(plan_memory(reader->description(), grid, 1, settings).bands, 1);
    settings.memory_limit_bytes = 1e6;
    EXPECT_THROW((void)plan_memory(reader->description(), grid, 1, settings), Error);
    settings.memory_limit_bytes = plan.total_bytes - 4.5 * plan.stack_bin_bytes;
  }
  const SampleResult alone = analyse(self, path, truth, settings);
  expect_same(together.power.value, alone.power.value, "power");
  expect_same(together.power.error, alone.power.error, "power error");
  expect_same(together.order.value, alone.order.value, "order");
  expect_same(together.size.value, alone.size.value, "size");
  expect_same(together.size.error, alone.size.error, "size error");
  expect_same(together.area_fraction.value, alone.area_fraction.value, "area fraction");
  expect_same(together.radial_intensity.value, alone.radial_intensity.value, "radial intensity");
  expect_same(together.areas.front().mean_pattern, alone.areas.front().mean_pattern, "mean pattern");
  expect_same(together.areas.front().transmittance, alone.areas.front().transmittance, "transmittance");
  ASSERT_EQ(together.types.size(), alone.types.size());
}

TEST(ScanAnalysis, CountsAndLeavesOutDamagedPatterns) {
  Truth truth;
  truth.ny = 18;
  truth.nx = 18;
  const auto pixels = static_cast<std::size_t>(detector.pixels());
  const auto path = write_scan(truth, scratch_folder(), [&](std::vector<float>& all) {
    all[3 * pixels + 100] = std::numeric_limits<float>::quiet_NaN();
    all[20 * pixels + 7] = std::numeric_limits<float>::infinity();
    for (std::size_t i = 0; i < pixels; ++i) all[50 * pixels + i] = 0.0F;   // nothing recorded
    for (std::size_t i = 0; i < pixels; ++i) all[60 * pixels + i] = -1.0F;  // negative counts
    for (std::size_t i = 0; i < pixels; ++i) all[70 * pixels + i] = 30.0F;  // no disc
  });
  AnalysisSettings settings = quick_settings();
  settings.transmittance_min_given = true;
  const SampleResult sample = analyse(communicator(), path, truth, settings);
  const PatternCounts& counts = sample.areas.front().counts;
  EXPECT_EQ(counts.total, 18 * 18);
  EXPECT_EQ(counts.not_finite, 2);
  EXPECT_EQ(counts.empty, 2);
  EXPECT_EQ(counts.no_disc + counts.too_thick, 1);
  EXPECT_EQ(counts.kept, 18 * 18 - 5);
  for (const double value : sample.order.value) EXPECT_TRUE(std::isfinite(value));
  EXPECT_TRUE(std::isnan(sample.areas.front().transmittance[3]));
}

TEST(ScanAnalysis, ThicknessWindowKeepsWhatItSays) {
  Truth truth;
  truth.ny = 4;
  truth.nx = 20;
  truth.wedge = 0.01;  // T from 0.75 to 0.56
  const auto path = write_scan(truth, scratch_folder());
  AnalysisSettings settings = quick_settings();
  settings.mean_free_path_nm = 100.0;
  settings.thickness_low_nm = -100.0 * std::log(0.705);
  settings.thickness_high_nm = -100.0 * std::log(0.645);
  settings.transmittance_min_given = true;
  const SampleResult sample = analyse(communicator(), path, truth, settings);
  const PatternCounts& counts = sample.areas.front().counts;
  // Columns 5 to 10 have 0.70 to 0.65; columns 16 to 19 lie below T = 0.60, column 15 at the limit.
  EXPECT_EQ(counts.kept, 4 * 6);
  EXPECT_NEAR(static_cast<double>(counts.too_thick), 4.0 * 4.5, 4.0 * 0.5);
}

TEST(ScanAnalysis, RefusesWhatCannotBeAnalysed) {
  Truth truth;
  truth.ny = 3;
  truth.nx = 5;
  const auto zero =
      write_scan(truth, scratch_folder(), [](std::vector<float>& all) { std::fill(all.begin(), all.end(), 0.0F); });
  EXPECT_THROW((void)analyse(communicator(), zero, truth, quick_settings()), Error);
  const auto nan = write_scan(truth, scratch_folder(), [](std::vector<float>& all) {
    std::fill(all.begin(), all.end(), std::numeric_limits<float>::quiet_NaN());
  });
  EXPECT_THROW((void)analyse(communicator(), nan, truth, quick_settings()), Error);
  truth.centre = {-20.0, 30.0};  // the beam has left the detector
  const auto off = write_scan(truth, scratch_folder());
  EXPECT_THROW((void)analyse(communicator(), off, truth, quick_settings()), Error);
}

// One pattern; one row; more ranks than rows.
TEST(ScanAnalysis, WorksOnTheSmallestScans) {
  Truth truth;
  for (const auto& [ny, nx] : {std::pair<std::int64_t, std::int64_t>{1, 1}, {1, 7}, {2, 3}}) {
    truth.ny = ny;
    truth.nx = nx;
    const auto path = write_scan(truth, scratch_folder());
    const SampleResult sample = analyse(communicator(), path, truth, quick_settings());
    EXPECT_EQ(sample.areas.front().counts.kept, ny * nx);
    EXPECT_TRUE(std::isnan(sample.size.value.front()));
    EXPECT_TRUE(std::isfinite(sample.order.value.front()));
    EXPECT_NEAR(sample.areas.front().geometry.ring->radius_px, truth.ring_px, 0.6);
  }
}

}  // namespace
}  // namespace mesoglass::diffraction
