// Time an event of both engines in the elastic-plastic regime, by sample size.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>

#include "../deformation/planted_glass.hpp"
#include "core/environment.hpp"
#include "deformation/engine.hpp"
#include "deformation/loading.hpp"
#include "elasticity/mean_conditions.hpp"

namespace {

using namespace mesoglass;

using deformation::EngineKind;

// A tension test at constant strain rate, as mg-deform runs it, without observables.
class Tension {
 public:
  // Starts at a strain at which the sample is about to yield.
  Tension(const Communicator& communicator, std::int64_t edge, bool planar)
      : communicator_(communicator),
        glass_(test::matrix_glass(communicator, edge, edge, planar ? 1 : edge)),
        parameters_(test::parameters_for(glass_)),
        moduli_(deformation::matrix_moduli(parameters_, glass_)),
        basis_(elasticity::BasisKind::deviatoric, planar ? 2 : 3),
        engine_(deformation::make_engine(communicator, parameters_, glass_)),
        draws_{parameters_.seed, 0} {
    // Loading steps as short as the fastest mode asks for (deformation_run.cpp).
    const deformation::LoadingProgram program(parameters_.loading, parameters_.observables, moduli_,
                                              planar ? 25.0 : 160.0);
    segment_ = program.segments().front();
    const double yield_strain = planar ? 0.041 : 0.026;
    time_s_ = yield_strain / parameters_.loading.strain_rate_per_s;
    update_stress();
    settle();
  }

  // A thermal event, with the loading before it and the avalanche it sets off.
  void one_event() {
    for (;;) {
      const auto step = engine_->next_event(segment_.step_time_s, draws_);
      time_s_ += step.elapsed_s;
      update_stress();
      if (step.event) transform(std::span(&*step.event, 1));
      settle();
      if (step.event) return;
    }
  }

  void go_on_with_the_direct_engine() {
    engine_->synchronise();
    parameters_.engine = EngineKind::direct;
    auto direct = deformation::make_engine(communicator_, parameters_, glass_);
    direct->restore(engine_->state());
    engine_ = std::move(direct);
    update_stress();
  }

  [[nodiscard]] std::int64_t transformations() const noexcept { return transformations_; }
  [[nodiscard]] std::uint64_t draws() const noexcept { return draws_.count; }
  [[nodiscard]] double voxels() const noexcept { return static_cast<double>(glass_.grid.voxel_count()); }
  [[nodiscard]] double bytes_a_voxel() const { return engine_->memory_bytes() / voxels(); }
  [[nodiscard]] double strain() const noexcept { return time_s_ * parameters_.loading.strain_rate_per_s; }

 private:
  void transform(std::span<const deformation::Transformation> flips) {
    benchmark::DoNotOptimize(engine_->transform(flips));
    for (const auto& flip : flips) {
      for (std::size_t c = 0; c < plastic_.size(); ++c) plastic_[c] += flip.strain[c] / voxels();
    }
    transformations_ += static_cast<std::int64_t>(flips.size());
    update_stress();
  }

  void settle() {
    for (auto flips = engine_->unstable(); !flips.empty(); flips = engine_->unstable()) transform(flips);
  }

  void update_stress() {
    const auto count = static_cast<std::size_t>(basis_.count());
    const auto means = elasticity::homogeneous_means(moduli_, segment_.conditions(time_s_),
                                                     basis_.to_tensor(std::span(plastic_).first(count)));
    deformation::StrainComponents stress{};
    basis_.from_tensor(means.stress, std::span(stress).first(count));
    engine_->set_mean_stress(std::span(stress).first(count));
  }

  const Communicator& communicator_;
  catalog::Catalog glass_;
  deformation::DeformationParameters parameters_;
  elasticity::IsotropicModuli moduli_;
  elasticity::TensorBasis basis_;
  std::unique_ptr<deformation::Engine> engine_;
  deformation::RandomDraws draws_;
  deformation::LoadingSegment segment_;
  deformation::StrainComponents plastic_{};
  double time_s_ = 0.0;
  std::int64_t transformations_ = 0;
};

// Lets the fast engine take the sample through yielding, until a twentieth of its voxels has transformed (a hundredth
// beyond a million voxels), so that the quiet start is not measured. Then each iteration is one thermal event with what
// it sets off. Both engines are measured from the same state.
void events(benchmark::State& state, EngineKind kind) {
  const Communicator alone = Communicator::self();
  Tension test(alone, state.range(0), state.range(1) == 2);
  const double warm_up = test.voxels() / (test.voxels() >= 1e6 ? 100.0 : 20.0);
  while (static_cast<double>(test.transformations()) < warm_up) test.one_event();
  if (kind == EngineKind::direct) test.go_on_with_the_direct_engine();
  const std::int64_t first = test.transformations();
  const std::uint64_t first_draw = test.draws();
  for (auto _ : state) test.one_event();
  const auto count = static_cast<double>(state.iterations());
  state.counters["transformations an event"] = static_cast<double>(test.transformations() - first) / count;
  state.counters["draws an event"] = static_cast<double>(test.draws() - first_draw) / count;
  state.counters["bytes a voxel"] = test.bytes_a_voxel();
  state.counters["strain"] = test.strain();
}
BENCHMARK_CAPTURE(events, fast, EngineKind::fast)
    ->Args({128, 2})
    ->Args({256, 2})
    ->Args({512, 2})
    ->Args({1024, 2})
    ->Args({32, 3})
    ->Args({64, 3})
    ->Args({128, 3})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(events, direct, EngineKind::direct)
    ->Args({128, 2})
    ->Args({256, 2})
    ->Args({32, 3})
    ->Unit(benchmark::kMicrosecond);
BENCHMARK_CAPTURE(events, direct, EngineKind::direct)
    ->Args({512, 2})
    ->Args({1024, 2})
    ->Args({64, 3})
    ->Args({128, 3})
    ->Iterations(40)
    ->Unit(benchmark::kMicrosecond);

}  // namespace

int main(int argc, char** argv) {
  Environment environment(argc, argv);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
