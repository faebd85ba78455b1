#include "core/signals.hpp"

#include <csignal>

#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

using test::communicator;

// Polls until something is asked for; polling is rare by design, so many steps are offered.
CheckpointRequest next_request(CheckpointSignals& signals, std::int64_t& step) {
  for (int i = 0; i < 1000; ++i) {
    const auto request = signals.poll(step++);
    if (request != CheckpointRequest::none) return request;
  }
  return CheckpointRequest::none;
}

TEST(CheckpointSignals, a_signal_to_one_rank_is_known_to_all) {
  CheckpointSignals signals(communicator());
  std::int64_t step = 0;
  EXPECT_EQ(signals.poll(step++), CheckpointRequest::none);
  if (communicator().rank() == communicator().size() - 1) std::raise(SIGUSR1);
  communicator().barrier();
  EXPECT_EQ(next_request(signals, step), CheckpointRequest::write);
  EXPECT_EQ(next_request(signals, step), CheckpointRequest::none);
  if (communicator().is_root()) std::raise(SIGUSR2);
  communicator().barrier();
  EXPECT_EQ(next_request(signals, step), CheckpointRequest::write_and_stop);
  EXPECT_EQ(stopped_at_checkpoint("x").exit_code(), ExitCode::stopped_at_checkpoint);
}

}  // namespace
}  // namespace mesoglass
