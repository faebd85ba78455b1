// Centre, descan, ring, ellipse, transmittance and masks against patterns whose truth is drawn at random.
#include <gtest/gtest.h>

#include <limits>

#include "core/error.hpp"
#include "diffraction/beam_disc.hpp"
#include "diffraction/pixel_mask.hpp"
#include "diffraction/ring_fit.hpp"
#include "diffraction/size_calibration.hpp"
#include "synthetic_patterns.hpp"

namespace mesoglass::diffraction {
namespace {

using namespace test;

const PatternShape detector{128, 128};

TEST(Ellipse, AxesComeBack) {
  const Ellipse ellipse = Ellipse::from_axes(1.03, 2.5);
  EXPECT_NEAR(ellipse.axis_ratio(), 1.03, 1e-12);
  EXPECT_NEAR(ellipse.angle_rad(), 2.5, 1e-12);
  // The major axis is stretched by sqrt(ratio), and the area stays.
  const Point major = ellipse.distort({std::cos(2.5), std::sin(2.5)});
  EXPECT_NEAR(std::hypot(major.x, major.y), std::sqrt(1.03), 1e-12);
  const Point a = ellipse.distort({1.0, 0.0});
  const Point b = ellipse.distort({0.0, 1.0});
  EXPECT_NEAR(a.x * b.y - a.y * b.x, 1.0, 1e-12);
}

// The stated accuracies: centre 0.1 px, ellipticity 0.2 %, for centres, ellipses and radii drawn at random, with the
// disc 2 px off the ring's centre and counting noise of a mean pattern of 2,000 patterns of about 1e5 electrons.
TEST(RingFit, FindsCentreRadiusAndEllipseOfAHalo) {
  for (std::uint64_t trial = 0; trial < 6; ++trial) {
    RandomStream random(2024, RandomPurpose::test, 1000 + trial);
    const Point centre{random.uniform(60.0, 67.0), random.uniform(60.0, 67.0)};
    const Ellipse ellipse = Ellipse::from_axes(random.uniform(1.0, 1.05), random.uniform(0.0, units::pi));
    const double radius = random.uniform(36.0, 46.0);
    const double width = random.uniform(3.0, 6.0);
    auto pattern = draw_pattern(detector, centre, ellipse, glass(0.0, 0.0, radius, width, 2e4));
    const auto disc = draw_pattern(detector, {centre.x + 1.5, centre.y - 1.3}, {}, glass(5.0, 1e6, 1.0, 1.0, 0.0));
    for (std::size_t i = 0; i < pattern.size(); ++i) pattern[i] += disc[i];
    count_electrons(pattern, 1.0, 7, trial);
    const BeamDisc found = find_beam_disc(pattern, detector, {}, "test");
    EXPECT_NEAR(found.centre.x, centre.x + 1.5, 0.3);  // only where to start: pixels above half height
    EXPECT_NEAR(found.centre.y, centre.y - 1.3, 0.3);
    EXPECT_NEAR(found.radius_px, 5.0, 0.3);
    RingFitOptions options;
    options.inner_radius_px = 1.5 * found.radius_px + 2.0;
    const RingFit ring = fit_ring(pattern, detector, {}, found.centre, options, "test");
    EXPECT_TRUE(ring.converged);
    EXPECT_NEAR(ring.centre.x, centre.x, 0.1) << trial;
    EXPECT_NEAR(ring.centre.y, centre.y, 0.1) << trial;
    // c and s are half of the relative axis difference.
    EXPECT_NEAR(ring.ellipse.c, ellipse.c, 0.001) << trial;
    EXPECT_NEAR(ring.ellipse.s, ellipse.s, 0.001) << trial;
    EXPECT_NEAR(ring.radius_px, radius, 0.25) << trial;  // the background's slope moves the maximum by part of this
  }
}

TEST(RingFit, MaskedBeamStopDoesNotPullTheCentre) {
  const Point centre{63.2, 64.9};
  auto pattern = draw_pattern(detector, centre, {}, glass(5.0, 1e5, 40.0, 5.0, 1000.0));
  PixelMask good = mask_from_shapes("rectangle 60 60 127 68 # the stop and its arm", detector, "test");
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (good[i] == 0) pattern[i] = 0.0F;
  }
  RingFitOptions options;
  options.inner_radius_px = 12.0;
  const RingFit ring = fit_ring(pattern, detector, good, {64.0, 64.0}, options, "test");
  EXPECT_NEAR(ring.centre.x, centre.x, 0.1);
  EXPECT_NEAR(ring.centre.y, centre.y, 0.1);
  EXPECT_NEAR(ring.ellipse.axis_ratio(), 1.0, 0.003);
}

TEST(RingFit, SaysWhereThereIsNoRing) {
  std::vector<float> flat(static_cast<std::size_t>(detector.pixels()), 100.0F);
  count_electrons(flat, 1.0, 3, 0);
  RingFitOptions options;
  options.inner_radius_px = 8.0;
  EXPECT_THROW((void)fit_ring(flat, detector, {}, {63.5, 63.5}, options, "test"), Error);
}

TEST(BeamDisc, RefusesAnEmptyPatternAndADiscAtTheEdge) {
  const std::vector<float> nothing(static_cast<std::size_t>(detector.pixels()), 0.0F);
  EXPECT_THROW((void)find_beam_disc(nothing, detector, {}, "test"), Error);
  const auto edge = draw_pattern(detector, {2.0, 60.0}, {}, glass(5.0, 1e5, 40.0, 5.0, 100.0));
  EXPECT_THROW((void)find_beam_disc(edge, detector, {}, "test"), Error);
}

TEST(BeamDisc, OneHotPixelIsNotTheDisc) {
  auto pattern = draw_pattern(detector, {70.3, 58.6}, {}, glass(5.0, 1e4, 40.0, 5.0, 100.0));
  pattern[20 * 128 + 20] = 1e7F;
  const BeamDisc disc = find_beam_disc(pattern, detector, {}, "test");
  EXPECT_NEAR(disc.centre.x, 70.3, 0.15);
  EXPECT_NEAR(disc.centre.y, 58.6, 0.15);
}

// Centre of mass of one counted pattern: 2,000 electrons in a disc of 5 px radius place it to 2.5 / sqrt(2000) = 0.056
// px.
TEST(DiscMeter, MeasuresCentreAndTransmittance) {
  const Point centre{65.37, 61.12};
  auto pattern = draw_pattern(detector, centre, {}, [](double r, double) { return r < 5.0 ? 1000.0 : 0.0; });
  double inside = 0.0;
  for (const float value : pattern) inside += static_cast<double>(value);
  const auto scattered =
      draw_pattern(detector, centre, {}, [](double r, double) { return r > 10.0 && r < 50.0 ? 2.0 : 0.0; });
  double outside = 0.0;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    pattern[i] += scattered[i];
    outside += static_cast<double>(scattered[i]);
  }
  const DiscMeter meter(detector, {}, 7.0);
  const DiscMeasurement disc = meter.measure(pattern, {64.0, 62.0});
  EXPECT_TRUE(disc.finite);
  EXPECT_NEAR(disc.disc / disc.total, inside / (inside + outside), 1e-9);
  EXPECT_NEAR(disc.centre.x, centre.x, 0.1);  // a hard-edged disc sampled at pixel centres
  EXPECT_NEAR(disc.centre.y, centre.y, 0.1);
  pattern[77] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_FALSE(meter.measure(pattern, {64.0, 62.0}).finite);
  pattern[77] = std::numeric_limits<float>::infinity();
  EXPECT_FALSE(meter.measure(pattern, {64.0, 62.0}).finite);
}

TEST(DescanPlane, SurvivesATenthOfWrongCentres) {
  RandomStream random(1, RandomPurpose::test, 5);
  std::vector<DiscPosition> positions;
  for (int row = 0; row < 30; ++row) {
    for (int column = 0; column < 20; ++column) {
      Point centre{60.0 + 0.03 * column - 0.01 * row + random.normal(0.0, 0.05),
                   70.0 - 0.02 * column + 0.04 * row + random.normal(0.0, 0.05)};
      if (random.uniform() < 0.1) centre.x += random.uniform(2.0, 9.0);
      positions.push_back({static_cast<double>(row), static_cast<double>(column), centre});
    }
  }
  const DescanPlane plane = fit_descan_plane(positions);
  EXPECT_NEAR(plane.x_column, 0.03, 0.001);
  EXPECT_NEAR(plane.x_row, -0.01, 0.001);
  EXPECT_NEAR(plane.y_column, -0.02, 0.001);
  EXPECT_NEAR(plane.y_row, 0.04, 0.001);
  EXPECT_NEAR(plane.at(15.0, 10.0).x, 60.15, 0.02);
  EXPECT_NEAR(plane.scatter_px, 0.05, 0.015);
  // One row cannot tell a slope along y.
  const DescanPlane line = fit_descan_plane(std::span<const DiscPosition>(positions).subspan(0, 20));
  EXPECT_EQ(line.x_row, 0.0);
}

TEST(PixelMask, ReadsShapesAndRefusesOthers) {
  const PixelMask good =
      mask_from_shapes("circle 10 20 2\npixel 3 4 # hot\n\npolygon 30 30 40 30 40 40 30 40\n", detector, "m");
  EXPECT_EQ(good[20 * 128 + 10], 0);
  EXPECT_EQ(good[22 * 128 + 10], 0);
  EXPECT_EQ(good[23 * 128 + 10], 1);
  EXPECT_EQ(good[4 * 128 + 3], 0);
  EXPECT_EQ(good[3 * 128 + 4], 1);
  EXPECT_EQ(good[35 * 128 + 35], 0);
  for (const char* wrong : {"circle 1 2", "square 1 2 3", "circle 1 2 nan", "polygon 1 2 3 4 5", "pixel 1 2 x"}) {
    EXPECT_THROW((void)mask_from_shapes(wrong, detector, "m"), Error) << wrong;
  }
}

TEST(BadPixels, FindsHotAndDeadOnesOnly) {
  auto mean = draw_pattern(detector, {63.5, 63.5}, {}, glass(5.0, 1e4, 40.0, 5.0, 20.0));
  mean[30 * 128 + 100] = 500.0F;
  mean[40 * 128 + 40] = 0.0F;
  PixelMask good;
  const BadPixels found = mark_bad_pixels(mean, detector, 1.0, 1000.0, good);
  EXPECT_EQ(found.hot, 1);
  EXPECT_EQ(found.dead, 1);
  ASSERT_FALSE(good.empty());
  EXPECT_EQ(good[30 * 128 + 100], 0);
  EXPECT_EQ(good[40 * 128 + 40], 0);
}

// Exact half width of two overlapping discs: (2/pi)(acos x - x sqrt(1 - x^2)) = 1/2 at x = 0.403973.
TEST(SizeCalibration, DiscWithoutProbeIsExactAndInverts) {
  EXPECT_NEAR(estimated_size(DomainProfile::disc, 2.0, 0.0), 2.0 * 0.403973 * std::sqrt(2.0), 0.004);
  for (const double probe : {0.0, 0.7}) {
    const double size = estimated_size(DomainProfile::sphere, 1.3, probe);
    EXPECT_NEAR(calibrated_diameter(DomainProfile::sphere, size, probe), 1.3, 1e-3);
  }
  EXPECT_EQ(calibrated_diameter(DomainProfile::gaussian, 1.2, 1.0), 1.2);
}

}  // namespace
}  // namespace mesoglass::diffraction
