// What published studies of the model family saw.
#include <cmath>

#include "core/hdf5_file.hpp"
#include "deformation/deformation_run.hpp"
#include "planted_glass.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::deformation {

// A peak and then a drop; the strength falls with temperature and grows with the strain rate; the largest connected
// free volume explodes (2-D set of the design, mean of three seeds; differences are several times their scatter).
TEST(PublishedBehaviour, PeakDropTemperatureAndRate) {
  const auto folder = test::scratch_folder();
  int number = 0;
  const auto mean_peak = [&](double temperature, double rate) {
    double sum = 0.0;
    for (const std::uint64_t seed : {1, 2, 3}) {
      auto glass = test::matrix_glass(test::communicator(), 20, 20, 1);
      auto parameters = test::parameters_for(glass);
      parameters.loading.body = elasticity::Body::plane_strain;
      parameters.seed = seed;
      parameters.kinetics.temperature_k = temperature;
      parameters.loading.strain_rate_per_s = rate;
      parameters.loading.final_strain = 0.07;
      const auto output = folder / fmt::format("run{}.h5", number++);
      const auto outcome = run_deformation(test::communicator(), parameters, glass, {output, IfExists::refuse, false},
                                           Provenance("test", "test", "", 1));
      if (temperature == 300.0 && rate == 1e-4) {
        EXPECT_LT(outcome.flow_stress_gpa, 0.85 * outcome.peak_stress_gpa);
        EXPECT_GT(outcome.percolation_strain, 0.02);
        const auto cfv = Hdf5File::open(test::communicator(), output).read<double>("/history/largest_cfv");
        EXPECT_GT(cfv.back(), 20.0 * cfv[cfv.size() / 3]);
      }
      sum += outcome.peak_stress_gpa;
    }
    return sum / 3.0;
  };
  const double base = mean_peak(300.0, 1e-4);
  EXPECT_GT(base, 1.8);
  EXPECT_LT(base, 3.5);
  EXPECT_LT(mean_peak(350.0, 1e-4), base - 0.1);
  EXPECT_GT(mean_peak(300.0, 1e-1), base + 0.1);
}

}  // namespace mesoglass::deformation
