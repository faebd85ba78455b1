// The same bits on any number of ranks and after any restart.
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/hdf5_file.hpp"
#include "deformation/deformation_run.hpp"
#include "deformation/engine.hpp"
#include "planted_glass.hpp"
#include "support/mpi_test.hpp"
#include "whole_runs.hpp"

namespace mesoglass::deformation {

namespace {

using test::communicator;
using test::everything_in;
using test::mixed_glass;
using test::no_provenance;

// What an engine under constant stress goes through.
struct Story {
  std::vector<double> times_s;
  std::vector<double> works_ev;
  std::vector<std::int64_t> voxels;
  std::vector<std::int32_t> modes;

  bool operator==(const Story&) const = default;
};

// Adds `count` transformations and more until the engine is resumable.
void go_on(Engine& engine, RandomDraws& draws, std::size_t count, Story& story) {
  const std::size_t before = story.voxels.size();
  const auto transform = [&](std::span<const Transformation> flips) {
    for (const Transformation& flip : flips) {
      story.voxels.push_back(flip.voxel);
      story.modes.push_back(flip.mode);
    }
    story.works_ev.push_back(engine.transform(flips));
  };
  for (;;) {
    for (auto flips = engine.unstable(); !flips.empty(); flips = engine.unstable()) transform(flips);
    if (story.voxels.size() - before >= count && engine.resumable()) return;
    const ThermalStep step = engine.next_event(1e300, draws);
    story.times_s.push_back(step.elapsed_s);
    transform(std::span(&*step.event, 1));
  }
}

}  // namespace

// In samples so wide that most voxels know of most transformations through far fields only: the same transformations,
// times, works and stresses on all ranks together, on one alone, and after a restart in between.
TEST(RanksAndRestarts, FarFieldsKeepTheBits) {
  const Communicator alone = Communicator::self();
  for (const auto& [nx, ny, nz] : {std::tuple{150, 90, 1}, std::tuple{44, 10, 46}}) {
    const auto run = [&](const Communicator& comm, bool restart) {
      const auto glass = mixed_glass(comm, nx, ny, nz);
      const auto parameters = test::parameters_for(glass);
      const std::vector<double> stress =
          glass.grid.dimensions() == 2 ? std::vector<double>{1.5, 0.1} : std::vector<double>{1.0, -0.6, 0.1, 0.0, 0.1};
      auto engine = make_engine(comm, parameters, glass);
      engine->set_mean_stress(stress);
      RandomDraws draws{parameters.seed, 0};
      Story story;
      go_on(*engine, draws, 100, story);
      if (restart) {
        auto fresh = make_engine(comm, parameters, glass);
        fresh->restore(engine->state());
        fresh->set_mean_stress(stress);
        engine = std::move(fresh);
      }
      go_on(*engine, draws, 100, story);
      const auto& state = engine->state();
      for (int c = 0; c < state.components; ++c) {
        const auto begin = state.stress_fluctuation.begin() + static_cast<std::ptrdiff_t>(state.at(c, 0));
        const std::vector<double> own(begin, begin + static_cast<std::ptrdiff_t>(state.count()));
        const auto all = comm.all_gather(std::span<const double>(own));
        story.works_ev.insert(story.works_ev.end(), all.begin(), all.end());
      }
      return story;
    };
    const Story expected = run(alone, false);
    EXPECT_GE(expected.times_s.size(), 20U);
    EXPECT_TRUE(run(communicator(), false) == expected) << nz;
    EXPECT_TRUE(run(communicator(), true) == expected) << nz;
  }
}

// The fast engine needs its bounds to go on; the direct engine's states have none.
TEST(RanksAndRestarts, FastEngineRefusesADirectEnginesState) {
  const auto glass = mixed_glass(communicator(), 12, 12, 1);
  auto parameters = test::parameters_for(glass);
  const auto fast = make_engine(communicator(), parameters, glass);
  parameters.engine = EngineKind::direct;
  const auto direct = make_engine(communicator(), parameters, glass);
  EXPECT_THROW(fast->restore(direct->state()), Error);
}

// What --dry-run states is what the fast engine takes, within a tenth, and no more than 200 bytes a voxel in two
// dimensions.
TEST(FastEngineMemory, IsAsStated) {
  const Communicator alone = Communicator::self();
  for (const auto& [nx, nz] : {std::pair{192, 1}, std::pair{32, 32}}) {
    const auto glass = test::matrix_glass(alone, nx, nx, nz);
    const auto parameters = test::parameters_for(glass);
    const double stated = estimate_cost(parameters, glass, 1).memory_per_voxel_bytes;
    const auto engine = make_engine(alone, parameters, glass);
    const double measured = engine->memory_bytes() / static_cast<double>(glass.grid.voxel_count());
    EXPECT_NEAR(measured / stated, 1.0, 0.1) << measured << " " << stated;
    if (nz == 1) {
      EXPECT_LT(stated, 200.0);
    }
  }
}

// What only the direct engine computes is refused by name.
TEST(RanksAndRestarts, FastEngineRefusesWhatItCannotDo) {
  auto glass = mixed_glass(communicator(), 12, 12, 1);
  auto parameters = test::parameters_for(glass);
  const auto expect_refused = [&](const std::string& text) {
    try {
      (void)make_engine(communicator(), parameters, glass);
      ADD_FAILURE() << "not refused: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("--engine direct"), std::string::npos) << error.what();
    }
  };
  parameters.heat.enabled = true;
  expect_refused("--local-heating");
  parameters.heat.enabled = false;
  glass.types.back().young_modulus_gpa *= 1.1;
  expect_refused("elastic constants");
}

// The same history and event log, bit for bit, on all ranks together and on one alone, in 2-D and 3-D, with the energy
// guard too.
TEST(RanksAndRestarts, SameBitsOnAnyNumberOfRanks) {
  const Communicator alone = Communicator::self();
  const auto folder = test::scratch_folder();
  for (const auto& [nx, ny, nz, guard] :
       {std::tuple{20, 14, 1, false}, std::tuple{6, 6, 7, false}, std::tuple{16, 16, 1, true}}) {
    auto shared = mixed_glass(communicator(), nx, ny, nz);
    auto parameters = test::parameters_for(shared);
    parameters.loading.final_strain = 0.06;
    parameters.kinetics.energy_guard = guard;
    const auto output = folder / fmt::format("together-{}-{}.h5", nz, guard);
    (void)run_deformation(communicator(), parameters, shared, {output, IfExists::refuse, false}, no_provenance());
    auto own = mixed_glass(alone, nx, ny, nz);
    const auto own_output = folder / fmt::format("alone-{}-{}-{}.h5", communicator().rank(), nz, guard);
    (void)run_deformation(alone, parameters, own, {own_output, IfExists::refuse, false}, no_provenance());
    communicator().barrier();
    const auto expected = everything_in(alone, own_output);
    const auto found = everything_in(alone, output);
    ASSERT_EQ(expected.size(), found.size());
    EXPECT_GT(expected.at("/events/time").size(), 40U);
    for (const auto& [name, values] : expected) EXPECT_EQ(values, found.at(name)) << name;
  }
}

// Stopped at many steps and resumed, also on another number of ranks: the same bits as never stopped.
TEST(RanksAndRestarts, ResumesBitForBit) {
  const Communicator alone = Communicator::self();
  const auto folder = test::scratch_folder();
  for (const auto& [nx, ny, nz] : {std::tuple{20, 14, 1}, std::tuple{6, 6, 6}}) {
    auto glass = mixed_glass(communicator(), nx, ny, nz);
    auto parameters = test::parameters_for(glass);
    parameters.loading.final_strain = 0.06;
    parameters.observables.snapshot_strains = {0.02, 0.05};
    const auto straight = folder / fmt::format("straight-{}.h5", nz);
    (void)run_deformation(communicator(), parameters, glass, {straight, IfExists::refuse, false}, no_provenance());
    const auto stopped = folder / fmt::format("stopped-{}.h5", nz);
    DeformationFiles files{stopped, IfExists::refuse, true};
    bool complete = false;
    int stops = 0;
    const auto run_for_a_while = [&](const Communicator& comm, const catalog::Catalog& own_glass) {
      DeformationHooks hooks;
      // Also a checkpoint that the run goes on from, as with SIGUSR1.
      hooks.checkpoint_request = [&](std::int64_t step) {
        if (step == 120) return CheckpointRequest::write_and_stop;
        return step == 40 ? CheckpointRequest::write : CheckpointRequest::none;
      };
      try {
        (void)run_deformation(comm, parameters, own_glass, files, no_provenance(), hooks);
        return true;
      } catch (const Error& error) {
        EXPECT_EQ(error.exit_code(), ExitCode::stopped_at_checkpoint) << error.what();
        return false;
      }
    };
    while (!complete && stops < 100) {
      if (stops % 3 == 1) {
        // Rank 0 goes on alone.
        if (communicator().is_root()) {
          const auto own_glass = mixed_glass(alone, nx, ny, nz);
          complete = run_for_a_while(alone, own_glass);
        }
        complete = communicator().any(complete);
      } else {
        complete = run_for_a_while(communicator(), glass);
      }
      ++stops;
    }
    ASSERT_TRUE(complete);
    EXPECT_GT(stops, 3);
    const auto expected = everything_in(alone, straight);
    const auto found = everything_in(alone, stopped);
    ASSERT_EQ(expected.size(), found.size());
    for (const auto& [name, values] : expected) EXPECT_EQ(values, found.at(name)) << name;
    EXPECT_FALSE(std::filesystem::exists(folder / fmt::format("stopped-{}.checkpoint.h5", nz)));
    communicator().barrier();
  }
}

// A checkpoint of another run is refused, and a damaged one.
TEST(RanksAndRestarts, RefusesForeignCheckpoints) {
  auto glass = mixed_glass(communicator(), 12, 12, 1);
  auto parameters = test::parameters_for(glass);
  const auto folder = test::scratch_folder();
  const DeformationFiles files{folder / "deform.h5", IfExists::refuse, true};
  DeformationHooks hooks;
  hooks.checkpoint_request = [](std::int64_t step) {
    return step == 400 ? CheckpointRequest::write_and_stop : CheckpointRequest::none;
  };
  EXPECT_THROW((void)run_deformation(communicator(), parameters, glass, files, no_provenance(), hooks), Error);
  const auto expect_refused = [&](const DeformationParameters& other, const std::string& text, bool resume) {
    try {
      auto with = files;
      with.resume = resume;
      (void)run_deformation(communicator(), other, glass, with, no_provenance());
      ADD_FAILURE() << "not refused: " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << error.what();
    }
  };
  auto other = parameters;
  other.seed = 2;
  expect_refused(other, "another run", true);
  expect_refused(parameters, "unfinished run", false);
  on_root(communicator(), [&] { std::filesystem::resize_file(folder / "deform.events.spool", 1); });
  expect_refused(parameters, "does not hold", true);
  on_root(communicator(), [&] { std::filesystem::resize_file(folder / "deform.checkpoint.h5", 700); });
  expect_refused(parameters, "deform.checkpoint.h5", true);
}

}  // namespace mesoglass::deformation
