// How long elasticity takes: the solves a degree of freedom, and one event's stress through the kernel against the
// machine's own copy bandwidth. mpirun -n P gives the figures of P ranks (rank 0 reports its own);
// elasticity_scaling.py makes a table of them.
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <vector>

#include "core/environment.hpp"
#include "core/random_stream.hpp"
#include "elasticity/finite_element_solver.hpp"
#include "elasticity/heterogeneous_solver.hpp"
#include "elasticity/periodic_solver.hpp"
#include "elasticity/stress_kernel.hpp"

namespace {

using namespace mesoglass;
using namespace mesoglass::elasticity;

std::unique_ptr<Communicator> world;

VoxelGrid grid_of(std::int64_t size, bool solid) {
  return {size, size, solid ? size : 1, {1.5, 1.5, 1.5}};
}

void count_freedoms(benchmark::State& state, const VoxelGrid& grid, int freedoms) {
  // Seconds, which the console shows as "12.3ns".
  state.counters["time_a_freedom"] =
      benchmark::Counter(freedoms * static_cast<double>(grid.voxel_count()),
                         benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void direct_solve(benchmark::State& state) {
  const bool solid = state.range(1) == 3;
  const VoxelGrid grid = grid_of(state.range(0), solid);
  const Body body = solid ? Body::solid : Body::plane_strain;
  const TensorBasis basis(BasisKind::deviatoric, dimensions_of(body));
  PeriodicSolver solver(*world, grid, isotropic_moduli(88.6, 0.371, body), basis);
  std::vector<double> eigenstrain(solver.own_voxel_count() * static_cast<std::size_t>(basis.count()), 0.01);
  std::vector<double> stress(eigenstrain.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(solver.solve(eigenstrain, MeanConditions::zero_stress(), {stress, {}, {}}));
  }
  count_freedoms(state, grid, dimensions_of(body));
}

template <typename Solver>
void solve_random_medium(benchmark::State& state, Solver& solver, const VoxelGrid& grid, std::size_t own) {
  const std::vector<Tensor> none(own);
  double sign = 1.0;
  int iterations = 0;
  {
    // The first solve also sets the preconditioner up.
    ElasticFields fields;
    MeanConditions conditions;
    conditions.value[xx] = 0.7;
    (void)solver.solve(none, conditions, {1e-2, 100}, fields);
  }
  for (auto _ : state) {
    // A load of the opposite sign each time: no help from the warm start, and never solved before.
    MeanConditions conditions;
    conditions.value[xx] = sign;
    sign *= -1.5;
    ElasticFields fields;
    iterations = solver.solve(none, conditions, {}, fields).iterations;
  }
  state.counters["iterations"] = iterations;
  count_freedoms(state, grid, 3);
}

struct Medium {
  std::vector<double> lambda, shear;
};

Medium random_medium(const VoxelGrid& grid) {
  Medium medium;
  const Range own = grid.voxels_of(world->rank(), world->size());
  for (std::int64_t voxel = own.begin; voxel < own.end; ++voxel) {
    RandomStream random(1, RandomPurpose::test, static_cast<std::uint64_t>(voxel));
    const auto moduli = isotropic_moduli(88.6 * (0.5 + random.uniform()), 0.371, Body::solid);
    medium.lambda.push_back(moduli.lambda_gpa);
    medium.shear.push_back(moduli.shear_gpa);
  }
  return medium;
}

void fourier_solve(benchmark::State& state) {
  const VoxelGrid grid = grid_of(state.range(0), true);
  const Medium medium = random_medium(grid);
  HeterogeneousSolver solver(*world, grid, Body::solid, medium.lambda, medium.shear);
  solve_random_medium(state, solver, grid, medium.shear.size());
}

void petsc_solve(benchmark::State& state) {
  const VoxelGrid grid = grid_of(state.range(0), true);
  const Medium medium = random_medium(grid);
  FiniteElementSolver solver(*world, grid, Body::solid, Faces::periodic, medium.lambda, medium.shear);
  solve_random_medium(state, solver, grid, medium.shear.size());
}

void kernel_update(benchmark::State& state) {
  const bool solid = state.range(1) == 3;
  const VoxelGrid grid = grid_of(state.range(0), solid);
  const Body body = solid ? Body::solid : Body::plane_strain;
  const StressKernel kernel(grid, isotropic_moduli(88.6, 0.371, body), BasisKind::deviatoric, KernelMean::zero_stress);
  const auto rows = static_cast<std::size_t>(kernel.count());
  const Range slabs = grid.slabs_of(world->rank(), world->size());
  std::vector<double> stress(rows * static_cast<std::size_t>(slabs.size() * grid.voxels_per_slab()));
  const std::vector<double> strain(rows, 0.01);
  std::int64_t source = 0;
  for (auto _ : state) {
    kernel.superpose(source, strain, slabs, stress);
    source = (source + 7919) % grid.voxel_count();
    benchmark::ClobberMemory();
  }
  const double voxels = static_cast<double>(stress.size()) / static_cast<double>(rows);
  // Read once each pair of rows of the kernel, read and write once each row of the stress.
  const double bytes = voxels * 8.0 * static_cast<double>(rows * (rows + 1) / 2 + 2 * rows);
  state.counters["time_a_voxel"] =
      benchmark::Counter(voxels, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes * static_cast<double>(state.iterations())));
}

void machine_copy(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  std::vector<char> from(bytes, 1), to(bytes);
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), bytes);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(2 * bytes) * state.iterations());
}

// Solves are collective: the number of iterations is fixed, so that it is the same on all ranks.
BENCHMARK(direct_solve)
    ->ArgNames({"n", "dimensions"})
    ->Args({128, 2})
    ->Args({256, 2})
    ->Args({512, 2})
    ->Args({32, 3})
    ->Args({64, 3})
    ->Args({128, 3})
    ->Iterations(3)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(fourier_solve)
    ->ArgName("n")
    ->Arg(16)
    ->Arg(32)
    ->Arg(64)
    ->Arg(128)
    ->Iterations(1)
    ->Unit(benchmark::kMillisecond);
BENCHMARK(petsc_solve)->ArgName("n")->Arg(16)->Arg(32)->Arg(64)->Arg(128)->Iterations(1)->Unit(benchmark::kMillisecond);
// Working sets from the second-level cache's to memory's; copies of the same sizes.
BENCHMARK(kernel_update)
    ->ArgNames({"n", "dimensions"})
    ->Args({128, 2})
    ->Args({512, 2})
    ->Args({1024, 2})
    ->Args({24, 3})
    ->Args({64, 3})
    ->Args({96, 3});
BENCHMARK(machine_copy)->ArgName("bytes")->Arg(1 << 19)->Arg(1 << 22)->Arg(1 << 25)->Arg(1 << 28);

// Ranks other than 0 run the same, silently.
class Silent : public benchmark::BenchmarkReporter {
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

}  // namespace

int main(int argc, char** argv) {
  Environment environment(argc, argv);
  world = std::make_unique<Communicator>(Communicator::world());
  benchmark::Initialize(&argc, argv);
  if (world->is_root()) {
    benchmark::RunSpecifiedBenchmarks();
  } else {
    Silent silent;
    benchmark::RunSpecifiedBenchmarks(&silent);
  }
  world.reset();
  return 0;
}
