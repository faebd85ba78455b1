// Curves on a common grid, and group statistics from rows of runs.
#include "ensemble/collection.hpp"

#include <cmath>

#include "core/atomic_output.hpp"
#include "ensemble/statistics.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::ensemble {
namespace {

EnsembleDesign two_groups() {
  return parse_design("seeds = 1-4\nreference = a\n[a]\nglass = x0\n[b]\nglass = x1\n", "d", "", {});
}

TEST(CommonStrain, interpolatesLinearlyAndStopsAtTheEnd) {
  const auto values = on_common_strain({0.0, 0.1, 0.4}, {0.0, 1.0, 4.0}, {0.0, 0.05, 0.1, 0.25, 0.4, 0.41});
  ASSERT_EQ(values.size(), 6U);
  EXPECT_NEAR(values[0], 0.0, 1e-15);
  EXPECT_NEAR(values[1], 0.5, 1e-15);
  EXPECT_NEAR(values[2], 1.0, 1e-15);
  EXPECT_NEAR(values[3], 2.5, 1e-15);
  EXPECT_NEAR(values[4], 4.0, 1e-15);
  EXPECT_TRUE(std::isnan(values[5]));
}

TEST(CommonStrain, survivesRepeatsReturnsAndLateBeginnings) {
  // Two rows at one strain (an avalanche's stress drop): no division by zero, the first is met from below.
  const auto dropped = on_common_strain({0.0, 0.1, 0.1, 0.2}, {0.0, 2.0, 1.0, 2.0}, {0.1, 0.15});
  EXPECT_EQ(dropped[0], 2.0);
  EXPECT_NEAR(dropped[1], 1.5, 1e-15);
  // A cycle that turns back counts up to its turn.
  const auto turned = on_common_strain({0.0, 0.1, 0.05}, {0.0, 1.0, 9.0}, {0.05, 0.1});
  EXPECT_NEAR(turned[0], 0.5, 1e-15);
  EXPECT_EQ(turned[1], 1.0);
  const auto late = on_common_strain({0.1, 0.2}, {1.0, 2.0}, {0.0, 0.1});
  EXPECT_TRUE(std::isnan(late[0]));
  EXPECT_EQ(late[1], 1.0);
  EXPECT_TRUE(std::isnan(on_common_strain({}, {}, {0.0})[0]));
}

TEST(GroupStatistics, useCompleteRunsThatHaveTheQuantity) {
  const auto design = two_groups();
  std::vector<RunRow> runs(8);
  for (std::size_t run = 0; run < 8; ++run) {
    runs[run].status = RunStatus::complete;
    runs[run].peak_stress_gpa = static_cast<double>(run);  // a: 0 2 4 6, b: 1 3 5 7
    runs[run].percolation_strain = 0.01 * static_cast<double>(run);
  }
  runs[7].status = RunStatus::failed;
  runs[2].percolation_strain = std::nan("");
  const auto groups = group_statistics(design, runs);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].complete_runs, 4);
  EXPECT_EQ(groups[1].complete_runs, 3);
  const std::vector<double> a = {0, 2, 4, 6};
  const std::vector<double> b = {1, 3, 5};
  const auto& peak = groups[1].quantities[0];
  EXPECT_EQ(peak.values, 3);
  EXPECT_NEAR(peak.mean, 3.0, 1e-15);
  EXPECT_NEAR(peak.standard_deviation, 2.0, 1e-15);
  EXPECT_NEAR(peak.standard_error, 2.0 / std::sqrt(3.0), 1e-15);
  EXPECT_NEAR(peak.effect_size, hedges_g(b, a), 1e-15);
  EXPECT_DOUBLE_EQ(peak.p_value, 1.0);                       // the means are equal
  EXPECT_TRUE(std::isnan(groups[0].quantities[0].p_value));  // the reference is not compared with itself
  EXPECT_EQ(groups[0].quantities[1].values, 3);
  EXPECT_NEAR(groups[0].quantities[1].mean, 0.10 / 3, 1e-15);
  EXPECT_EQ(groups[0].quantities[2].values, 0);
  EXPECT_TRUE(std::isnan(groups[0].quantities[2].mean));
}

TEST(Collecting, tellsWhatIsMissingOrFailedOnEveryRank) {
  const auto folder = test::scratch_folder();
  const auto design = two_groups();
  on_root(test::communicator(), [&] {
    for (std::int64_t run = 0; run < 8; ++run) {
      const auto file = run_file(folder, design, run);
      std::filesystem::create_directories(file.parent_path());
      if (run == 3) write_failure(file, {"0123", "the avalanche has no end"});
      if (run == 4) write_text_file(file, "this is no HDF5 file");
    }
  });
  const auto collection = collect_runs(test::communicator(), design, folder);
  EXPECT_EQ(collection.runs[0].status, RunStatus::missing);
  EXPECT_EQ(collection.runs[3].status, RunStatus::failed);
  EXPECT_EQ(collection.runs[3].reason, "the avalanche has no end");
  EXPECT_EQ(collection.runs[4].status, RunStatus::failed);
  EXPECT_NE(collection.runs[4].reason.find("seed-3.h5"), std::string::npos) << collection.runs[4].reason;
  EXPECT_TRUE(std::isnan(collection.runs[3].peak_stress_gpa));
}

}  // namespace
}  // namespace mesoglass::ensemble
