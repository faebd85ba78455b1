// When to write a checkpoint and when to stop: signals, the wall limit and the stop file, agreed on by all ranks.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/communicator.hpp"
#include "core/option_table.hpp"

namespace mesoglass {

enum class CheckpointRequest {
  none,
  write,           // write a checkpoint and go on (SIGUSR1, --checkpoint-interval)
  write_and_stop,  // write a checkpoint and end with exit code 75 (SIGUSR2, --wall-limit, stop file)
};

// Declares --checkpoint-interval, --wall-limit and --stop-file.
void add_checkpoint_options(OptionTable& table);

class CheckpointSignals {
 public:
  // Installs the handlers (after PetscInitialize, which installs its own). One object at a time.
  CheckpointSignals(const Communicator& communicator, const Options& options);
  // As above without options: signals only.
  explicit CheckpointSignals(const Communicator& communicator);

  // What all ranks agree to do now. Collective: every rank must poll at the same step. The clocks are read and the
  // ranks asked about ten times a second, by rank 0's decision, so call it as often as is convenient: between
  // polls it costs one counter. Pass the number of the step: every rank must pass the same.
  [[nodiscard]] CheckpointRequest poll(std::int64_t step);

 private:
  void install();
  const Communicator& communicator_;
  std::optional<double> checkpoint_interval_s_;
  std::optional<double> wall_limit_s_;
  std::optional<std::filesystem::path> stop_file_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_checkpoint_ = start_;
  std::chrono::steady_clock::time_point last_poll_ = start_;
  std::int64_t next_step_ = 0;
  std::int64_t steps_between_polls_ = 1;
};

// For the programs, or phases of one, that have no checkpoints: SIGUSR1 is ignored, and SIGUSR2 ends this process at
// once with exit code 75, and a message where it `speaks`. Outputs appear whole or not at all, so the same command
// begins anew and gives the same result. A CheckpointSignals object takes over. Not collective; may come before MPI.
void stop_on_signal_without_checkpoint(const std::string& program, bool speaks);

// The error to throw once the checkpoint is written: exit code 75.
[[nodiscard]] Error stopped_at_checkpoint(const std::filesystem::path& checkpoint);

}  // namespace mesoglass
