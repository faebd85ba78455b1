#include "core/signals.hpp"

#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdint>

namespace mesoglass {

namespace {

volatile std::sig_atomic_t write_requested = 0;
volatile std::sig_atomic_t stop_requested = 0;

void on_write_signal(int) {
  write_requested = 1;
}
void on_stop_signal(int) {
  stop_requested = 1;
}

std::string stop_message;  // empty in the processes that stay silent; made before the handler is installed

void stop_at_once(int) {
  // Only calls that are safe inside a handler.
  if (!stop_message.empty()) (void)!::write(STDERR_FILENO, stop_message.data(), stop_message.size());
  ::_exit(static_cast<int>(ExitCode::stopped_at_checkpoint));
}

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

// Long enough that asking the ranks costs nothing, short enough that a signal acts at once for a person.
constexpr double seconds_between_polls = 0.1;
// Quick steps may be followed by slow ones: so many of those must still pass in bearable time.
constexpr std::int64_t most_steps_between_polls = 256;

}  // namespace

void add_checkpoint_options(OptionTable& table) {
  table.group("Checkpoints");
  table.real("checkpoint-interval")
      .unit("s")
      .range(0.01, 1e7)
      .text(
          "Write a checkpoint this often. SIGUSR1 asks for one at any time; SIGUSR2 writes one and stops with exit "
          "code 75.");
  table.real("wall-limit")
      .unit("s")
      .range(0.0, 1e8)
      .text(
          "Write a checkpoint and stop with exit code 75 after this time; give a little less than the job's own "
          "limit.");
  table.text("stop-file").text("Write a checkpoint and stop with exit code 75 when this file appears.");
}

CheckpointSignals::CheckpointSignals(const Communicator& communicator, const Options& options)
    : communicator_(communicator) {
  if (options.has("checkpoint-interval")) checkpoint_interval_s_ = options.real("checkpoint-interval");
  if (options.has("wall-limit")) wall_limit_s_ = options.real("wall-limit");
  if (options.has("stop-file")) stop_file_ = options.text("stop-file");
  install();
}

CheckpointSignals::CheckpointSignals(const Communicator& communicator) : communicator_(communicator) {
  install();
}

void CheckpointSignals::install() {
  std::signal(SIGUSR1, on_write_signal);
  std::signal(SIGUSR2, on_stop_signal);
}

CheckpointRequest CheckpointSignals::poll(std::int64_t step) {
  if (step < next_step_) return CheckpointRequest::none;
  const auto now = std::chrono::steady_clock::now();
  auto request = CheckpointRequest::none;
  if (write_requested != 0) request = CheckpointRequest::write;
  if (communicator_.is_root() && checkpoint_interval_s_ &&
      seconds_between(last_checkpoint_, now) >= *checkpoint_interval_s_) {
    request = CheckpointRequest::write;
  }
  if (stop_requested != 0) request = CheckpointRequest::write_and_stop;
  if (communicator_.is_root()) {
    if (wall_limit_s_ && seconds_between(start_, now) >= *wall_limit_s_) request = CheckpointRequest::write_and_stop;
    std::error_code error;
    if (stop_file_ && std::filesystem::exists(*stop_file_, error)) request = CheckpointRequest::write_and_stop;
    const double elapsed = std::max(seconds_between(last_poll_, now), 1e-6);
    const double wanted = static_cast<double>(steps_between_polls_) * seconds_between_polls / elapsed;
    steps_between_polls_ = std::clamp(static_cast<std::int64_t>(std::min(wanted, 1e6)), std::int64_t{1},
                                      std::min(4 * steps_between_polls_, most_steps_between_polls));
  }
  last_poll_ = now;
  steps_between_polls_ = communicator_.broadcast(steps_between_polls_);
  next_step_ = step + steps_between_polls_;
  request = static_cast<CheckpointRequest>(communicator_.max(static_cast<std::int32_t>(request)));
  if (request != CheckpointRequest::none) {
    write_requested = 0;
    last_checkpoint_ = now;
  }
  // Answered: a program that runs several simulations in turn decides itself whether to go on after a stop.
  if (request == CheckpointRequest::write_and_stop) stop_requested = 0;
  return request;
}

void stop_on_signal_without_checkpoint(const std::string& program, bool speaks) {
  if (speaks) stop_message = program + ": stopped as asked, before a result was there: run the same command again\n";
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGUSR2, stop_at_once);
}

Error stopped_at_checkpoint(const std::filesystem::path& checkpoint) {
  return {ExitCode::stopped_at_checkpoint,
          fmt::format("stopped at a checkpoint as asked ({}): run the same command with --resume to continue",
                      checkpoint.string())};
}

}  // namespace mesoglass
