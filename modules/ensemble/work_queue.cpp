#include "ensemble/work_queue.hpp"

#include <chrono>
#include <thread>

#include "core/error.hpp"

namespace mesoglass::ensemble {

namespace {

constexpr int request_tag = 1;
constexpr int answer_tag = 2;
constexpr std::int64_t nothing_left = -1;
// What a group sends: it wants an item, or it will not ask again.
enum Request : std::int32_t { want_item = 0, no_more = 1 };

int checked_group_size(int ranks_per_group, int ranks) {
  if (ranks_per_group < 1 || ranks_per_group > ranks) {
    throw input_error("{} ranks a run are impossible with {} ranks in all: give 1 to {}", ranks_per_group, ranks,
                      ranks);
  }
  return ranks_per_group;
}

}  // namespace

WorkQueue::WorkQueue(const Communicator& communicator, int ranks_per_group, std::int64_t items)
    : communicator_(communicator),
      group_(communicator.split(communicator.rank() / checked_group_size(ranks_per_group, communicator.size()))),
      group_count_((communicator.size() + ranks_per_group - 1) / ranks_per_group),
      items_(items) {}

std::int64_t WorkQueue::take() {
  return handed_out_ < items_ ? handed_out_++ : nothing_left;
}

std::optional<std::int64_t> WorkQueue::next(bool stop) {
  std::int64_t item = nothing_left;
  if (!done_ && group_.is_root()) {
    if (communicator_.is_root()) {
      serve();
      if (!stop) item = take();
    } else {
      const Request request = stop ? no_more : want_item;
      check_mpi(MPI_Send(&request, 1, MPI_INT32_T, 0, request_tag, communicator_.get()), "MPI_Send");
      if (!stop) {
        check_mpi(MPI_Recv(&item, 1, MPI_INT64_T, 0, answer_tag, communicator_.get(), MPI_STATUS_IGNORE), "MPI_Recv");
      }
    }
  }
  item = group_.broadcast(item);
  if (item == nothing_left) {
    done_ = true;
    return std::nullopt;
  }
  return item;
}

void WorkQueue::serve() {
  if (!communicator_.is_root()) return;
  for (;;) {
    int waiting = 0;
    MPI_Status status;
    check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, request_tag, communicator_.get(), &waiting, &status), "MPI_Iprobe");
    if (waiting == 0) return;
    Request request{};
    check_mpi(
        MPI_Recv(&request, 1, MPI_INT32_T, status.MPI_SOURCE, request_tag, communicator_.get(), MPI_STATUS_IGNORE),
        "MPI_Recv");
    if (request == no_more) {
      ++finished_groups_;
      continue;
    }
    const std::int64_t item = take();
    if (item == nothing_left) ++finished_groups_;
    check_mpi(MPI_Send(&item, 1, MPI_INT64_T, status.MPI_SOURCE, answer_tag, communicator_.get()), "MPI_Send");
  }
}

void WorkQueue::finish() {
  if (communicator_.is_root()) {
    while (finished_groups_ < group_count_ - 1) {
      serve();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  group_.barrier();
}

}  // namespace mesoglass::ensemble
