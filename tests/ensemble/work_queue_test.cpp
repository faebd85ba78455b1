// The queue hands out each item once, to groups of any size, and lets a group stop early.
#include "ensemble/work_queue.hpp"

#include <chrono>
#include <thread>

#include "core/error.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::ensemble {
namespace {

const Communicator& world() {
  return test::communicator();
}

TEST(WorkQueue, handsOutEachItemOnceToOneGroup) {
  for (int ranks_per_group = 1; ranks_per_group <= world().size(); ++ranks_per_group) {
    WorkQueue queue(world(), ranks_per_group, 23);
    EXPECT_LE(queue.group().size(), ranks_per_group);
    std::vector<std::int64_t> done(23, 0);
    while (const auto item = queue.next(false)) {
      // All ranks of a group work on the same item; each item counts once a group.
      const auto agreed = queue.group().max(*item);
      EXPECT_EQ(agreed, *item);
      if (queue.group().is_root()) ++done[static_cast<std::size_t>(*item)];
      queue.serve();
    }
    queue.finish();
    world().sum_in_place(std::span<std::int64_t>(done));
    for (const auto count : done) EXPECT_EQ(count, 1);
    EXPECT_FALSE(queue.next(false).has_value());
  }
}

TEST(WorkQueue, letsGroupsWaitForNobody) {
  if (world().size() < 2) GTEST_SKIP() << "needs two groups";
  WorkQueue queue(world(), 1, 40);
  int own = 0;
  while (queue.next(false)) {
    ++own;
    // Rank 0's items take ten times as long: the others do most of the work.
    for (int slice = 0; slice < (world().is_root() ? 20 : 2); ++slice) {
      queue.serve();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  queue.finish();
  const auto shares = world().all_gather(own);
  EXPECT_LT(shares[0], 40 / world().size());
  EXPECT_GE(shares[0], 1);
}

TEST(WorkQueue, letsAGroupStopWhileOthersGoOn) {
  WorkQueue queue(world(), 1, 30);
  const bool stops = world().rank() == world().size() - 1;
  int own = 0;
  while (queue.next(stops && own == 2)) {
    ++own;
    queue.serve();
  }
  queue.finish();
  const int total = world().sum(own);
  EXPECT_LE(own, stops ? 2 : 30);
  EXPECT_EQ(total, world().size() == 1 ? 2 : 30);
}

TEST(WorkQueue, canBeEmpty) {
  WorkQueue queue(world(), 1, 0);
  EXPECT_FALSE(queue.next(false).has_value());
  queue.finish();
}

TEST(WorkQueue, refusesImpossibleGroups) {
  EXPECT_THROW(WorkQueue(world(), world().size() + 1, 1), Error);
  EXPECT_THROW(WorkQueue(world(), 0, 1), Error);
}

}  // namespace
}  // namespace mesoglass::ensemble
