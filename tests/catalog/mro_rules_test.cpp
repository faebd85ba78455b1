// The rules from measured order to shear zones: the paper's cases are met, and everything is monotone.
#include "catalog/mro_rules.hpp"

#include <cmath>

#include "core/error.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::catalog {
namespace {

const OrderCalibration calibration = {0.002, 0.02};

TEST(OrderRules, meetThePapersCases) {
  const auto weak = zone_for_order(0.002, calibration);
  EXPECT_EQ(weak.modes, 12);
  EXPECT_NEAR(weak.softening, 0.9, 1e-12);
  EXPECT_NEAR(weak.amplitude, 0.5, 1e-12);
  const auto strong = zone_for_order(0.02, calibration);
  EXPECT_EQ(strong.modes, 2);
  EXPECT_NEAR(strong.softening, 0.01, 1e-12);
  EXPECT_NEAR(strong.amplitude, 0.8, 1e-12);
}

TEST(OrderRules, fallMonotonicallyAndStayPossible) {
  OrderedZone before = zone_for_order(1e-6, calibration);
  EXPECT_LE(before.modes, 18);  // fewer than the matrix's 20
  for (double order = 1e-6; order < 10.0; order *= 1.05) {
    const auto zone = zone_for_order(order, calibration);
    EXPECT_LE(zone.modes, before.modes);
    EXPECT_LE(zone.softening, before.softening);
    EXPECT_GE(zone.amplitude, before.amplitude);
    EXPECT_EQ(zone.modes % 2, 0);
    EXPECT_GE(zone.modes, 2);
    EXPECT_LE(zone.softening, 1.0);
    EXPECT_GE(zone.softening, 0.01 - 1e-12);
    before = zone;
  }
}

TEST(OrderRules, refuseImpossibleValues) {
  for (const double order : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW((void)zone_for_order(order, calibration), Error);
  }
  EXPECT_THROW((void)zone_for_order(0.01, {0.02, 0.002}), Error);
  EXPECT_THROW((void)zone_for_order(0.01, {0.0, 0.02}), Error);
  EXPECT_THROW((void)zone_for_order(0.01, {0.002, std::nan("")}), Error);
}

std::vector<MeasuredMro> two_types() {
  MeasuredMro weak;
  weak.k_peak = 4.3;
  weak.size_nm = 1.3;
  weak.area_fraction = 0.12;
  weak.order = 0.002;
  MeasuredMro strong = weak;
  strong.k_peak = 3.9;
  strong.size_nm = 1.2;
  strong.area_fraction = 0.04;
  strong.order = 0.02;
  return {weak, strong};
}

TEST(Measurements, becomeRecipes) {
  MeasurementRules rules;
  rules.calibration = calibration;
  rules.size_factor = 2.0;
  const auto recipe = recipe_from_measurement(two_types(), rules, parameter_set("mg3d"));
  ASSERT_EQ(recipe.mro.size(), 2U);
  EXPECT_NEAR(recipe.mro[0].volume_fraction, 0.15, 1e-12);  // 0.2 shared as 0.12 to 0.04
  EXPECT_NEAR(recipe.mro[1].volume_fraction, 0.05, 1e-12);
  EXPECT_NEAR(recipe.mro[0].sizes.mean_nm, 2.6, 1e-12);
  EXPECT_NEAR(recipe.mro[0].sizes.spread_nm, 0.39, 1e-12);
  EXPECT_EQ(recipe.mro[0].type.source_k_peak, 4.3);
  EXPECT_EQ(recipe.mro[1].type.source_size_nm, 1.2);
  EXPECT_EQ(recipe.mro[1].type.modes, 2);
  rules.fraction_rule = FractionRule::area;
  rules.fraction = 0.5;
  const auto by_area = recipe_from_measurement(two_types(), rules, parameter_set("mg3d"));
  EXPECT_NEAR(by_area.mro[0].volume_fraction, 0.06, 1e-12);
  EXPECT_NEAR(by_area.mro[1].volume_fraction, 0.02, 1e-12);
}

TEST(Measurements, carryTheirErrors) {
  auto measured = two_types();
  measured[0].size_error_nm = 0.05;
  measured[0].order_error = 0.001;
  measured[0].area_fraction_error = 0.02;
  measured[1].area_fraction_error = 0.01;
  measured[1].order_error = std::nan("");
  MeasurementRules rules;
  rules.calibration = calibration;
  rules.size_factor = 2.0;
  const auto recipe = recipe_from_measurement(measured, rules, parameter_set("mg3d"));
  const auto& weak = recipe.mro[0].type;
  EXPECT_NEAR(weak.diameter_error_nm, 0.1, 1e-12);
  // 0.2 a / (a + b) at a = 0.12 +- 0.02, b = 0.04 +- 0.01, against the differences themselves.
  const auto share = [](double a, double b) { return 0.2 * a / (a + b); };
  const double step = 1e-6;
  const double by_a = (share(0.12 + step, 0.04) - share(0.12 - step, 0.04)) / (2 * step) * 0.02;
  const double by_b = (share(0.12, 0.04 + step) - share(0.12, 0.04 - step)) / (2 * step) * 0.01;
  EXPECT_NEAR(weak.volume_fraction_error, std::hypot(by_a, by_b), 1e-9);
  EXPECT_NEAR(recipe.mro[1].type.volume_fraction_error, std::hypot(by_a, by_b), 1e-9);  // the two share 20 %
  const auto less = zone_for_order(0.001, calibration);
  const auto more = zone_for_order(0.003, calibration);
  EXPECT_EQ(weak.modes_at_less_order, less.modes);
  EXPECT_EQ(weak.modes_at_more_order, more.modes);
  EXPECT_GT(weak.modes_at_less_order, weak.modes_at_more_order);
  EXPECT_EQ(weak.softening_at_less_order, less.softening);
  EXPECT_EQ(weak.softening_at_more_order, more.softening);
  EXPECT_EQ(weak.amplitude_at_less_order, less.amplitude);
  EXPECT_EQ(weak.amplitude_at_more_order, more.amplitude);
  EXPECT_TRUE(std::isnan(recipe.mro[1].type.modes_at_less_order));
  rules.fraction_rule = FractionRule::area;
  EXPECT_NEAR(recipe_from_measurement(measured, rules, parameter_set("mg3d")).mro[0].type.volume_fraction_error, 0.004,
              1e-12);
  // An error larger than the value: the rules' lower limit.
  measured[0].order_error = 1.0;
  EXPECT_EQ(recipe_from_measurement(measured, rules, parameter_set("mg3d")).mro[0].type.modes_at_less_order, 18);
}

TEST(Measurements, giveTheOrderOfAReference) {
  EXPECT_NEAR(reference_order(two_types(), 0.0, 10.0), (0.12 * 0.002 + 0.04 * 0.02) / 0.16, 1e-15);
  EXPECT_EQ(reference_order(two_types(), 4.0, 10.0), 0.002);
  EXPECT_THROW((void)reference_order(two_types(), 5.0, 10.0), Error);
}

TEST(Measurements, areLimitedToTheirRange) {
  MeasurementRules rules;
  rules.calibration = calibration;
  rules.k_low = 4.1;
  const auto recipe = recipe_from_measurement(two_types(), rules, parameter_set("mg3d"));
  ASSERT_EQ(recipe.mro.size(), 1U);
  EXPECT_NEAR(recipe.mro[0].volume_fraction, 0.2, 1e-12);
  rules.k_low = 6.0;
  EXPECT_THROW((void)recipe_from_measurement(two_types(), rules, parameter_set("mg3d")), Error);
}

}  // namespace
}  // namespace mesoglass::catalog
