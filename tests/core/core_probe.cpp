// A program that fails, stops and reports in every way a real one can: the contract test runs it under MPI.
#include <chrono>
#include <thread>

#include "core/hdf5_file.hpp"
#include "core/petsc_handles.hpp"
#include "core/program.hpp"

namespace {

using namespace mesoglass;

void count_to_end(Run& run) {
  CheckpointSignals signals(run.communicator(), run.options());
  const auto end = run.options().integer("steps");
  Progress progress(run.log(), "counting", static_cast<double>(end), "steps");
  for (std::int64_t step = 0; step < end; ++step) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    progress.update(static_cast<double>(step));
    switch (signals.poll(step)) {
      case CheckpointRequest::none:
        break;
      case CheckpointRequest::write:
        run.log().information("checkpoint at step {}", step);
        break;
      case CheckpointRequest::write_and_stop:
        throw stopped_at_checkpoint("probe.checkpoint");
    }
  }
}

void body(Run& run) {
  const auto& communicator = run.communicator();
  const auto& how = run.options().text("how");
  const bool chosen = communicator.rank() == run.options().integer("rank") % communicator.size();
  run.plan("{} steps on {} ranks", run.options().integer("steps"), communicator.size());
  if (run.dry_run()) return;
  if (how == "together") throw Error(ExitCode::bad_input, "all ranks agree that probe.dat is bad: mend it", true);
  if (how == "one-in-section") {
    collectively(communicator, [&] {
      if (chosen) throw input_error("rank {} found probe.dat bad: mend it", communicator.rank());
    });
  }
  if (how == "one-alone") {
    // The others wait in a collective call that the failing rank never enters.
    if (chosen) throw input_error("rank {} found probe.dat bad: mend it", communicator.rank());
    communicator.barrier();
  }
  if (how == "all-alone") throw input_error("rank {} found probe.dat bad: mend it", communicator.rank());
  if (how == "memory" && chosen) throw std::bad_alloc();
  if (how == "petsc") {
    PetscVector vector;
    check_petsc(VecCreate(PETSC_COMM_WORLD, vector.put()), "VecCreate");
    check_petsc(VecSetType(vector.get(), "granite"), "VecSetType");
  }
  if (how == "inside-hdf5") {
    AtomicOutput output(communicator, "probe.h5", run.if_exists());
    auto file = Hdf5File::create(communicator, output.temporary_path());
    file.create_dataset<double>("/values", {10}, "1", "probe");
    const std::vector<double> values(5, 1.0);
    // The chosen rank writes outside the dataset, inside a collective call.
    file.write_part<double>("/values", {chosen ? 8U : 0U}, {chosen ? 5U : 0U}, values);
  }
  if (how == "large-file") {
    AtomicOutput output(communicator, "large.h5", run.if_exists());
    auto file = Hdf5File::create(communicator, output.temporary_path());
    file.create_dataset<double>("/values", {25'000'000}, "1", "200 MB");
    file.close();
    output.commit();
  }
  if (how == "sleep") std::this_thread::sleep_for(std::chrono::seconds(30));
  if (how == "count") count_to_end(run);
  run.summary().set("steps", run.options().integer("steps"), "1", "how far it counted");
}

}  // namespace

int main(int argc, char** argv) {
  OptionTable table;
  table.group("Probe");
  table.text("how", "well")
      .choices({"well", "together", "one-in-section", "one-alone", "all-alone", "memory", "petsc", "inside-hdf5",
                "large-file", "sleep", "count"})
      .text("How to end.");
  table.integer("rank", 0).range(0, 64).text("Which rank fails.");
  table.integer("steps", 10).range(1, 1000000).unit("steps").text("How far to count.");
  table.real("temperature", 300.0).range(1.0, 5000.0).unit("K").text("A number with a unit.");
  add_checkpoint_options(table);
  return run_program(argc, argv, {"core-probe", "fails in every way", "Only for tests.", {"core-probe --how well"}},
                     std::move(table), body);
}
