#include "core/communicator.hpp"

#include "core/distribution.hpp"
#include "core/phase_timers.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

using test::communicator;

TEST(Communicator, reduces_over_all_ranks) {
  const int size = communicator().size();
  const int rank = communicator().rank();
  EXPECT_EQ(communicator().sum(rank + 1), size * (size + 1) / 2);
  EXPECT_EQ(communicator().max(rank), size - 1);
  EXPECT_EQ(communicator().min(rank), 0);
  EXPECT_TRUE(communicator().any(rank == size - 1));
  EXPECT_EQ(communicator().all(rank == 0), size == 1);
}

TEST(Communicator, gathers_parts_of_different_length_in_rank_order) {
  const std::vector<int> own(static_cast<std::size_t>(communicator().rank()), communicator().rank());
  std::vector<int> expected;
  for (int rank = 0; rank < communicator().size(); ++rank)
    expected.insert(expected.end(), static_cast<std::size_t>(rank), rank);
  EXPECT_EQ(communicator().all_gather(std::span<const int>(own)), expected);
}

TEST(Communicator, broadcasts_texts_and_vectors_of_the_root) {
  const bool root = communicator().is_root();
  EXPECT_EQ(communicator().broadcast_text(root ? "glass" : "x"), "glass");
  std::vector<double> values = root ? std::vector<double>{1.0, 2.0} : std::vector<double>{};
  communicator().broadcast_vector(values);
  EXPECT_EQ(values, (std::vector<double>{1.0, 2.0}));
}

TEST(Communicator, an_error_of_one_rank_reaches_all_with_its_message_and_code) {
  const int last = communicator().size() - 1;
  try {
    collectively(communicator(), [&] {
      if (communicator().rank() == last) throw input_error("rank {} has a bad file", last);
    });
    FAIL() << "no error arrived";
  } catch (const Error& error) {
    EXPECT_TRUE(error.agreed());
    EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
    EXPECT_EQ(std::string(error.what()), fmt::format("rank {} has a bad file", last));
  }
}

TEST(Communicator, sections_return_what_the_work_returns) {
  EXPECT_EQ(collectively(communicator(), [] { return 42; }), 42);
}

TEST(Communicator, splits_into_groups) {
  const auto group = communicator().split(communicator().rank() % 2);
  const int even = (communicator().size() + 1) / 2;
  EXPECT_EQ(group.size(), communicator().rank() % 2 == 0 ? even : communicator().size() - even);
}

TEST(Distribution, blocks_cover_every_item_once) {
  for (const std::int64_t count : {0, 1, 2, 7, 100}) {
    for (const int size : {1, 2, 3, 8}) {
      std::int64_t next = 0;
      for (int rank = 0; rank < size; ++rank) {
        const Range block = block_of(count, rank, size);
        EXPECT_EQ(block.begin, next);
        for (std::int64_t item = block.begin; item < block.end; ++item) EXPECT_EQ(owner_of(item, count, size), rank);
        next = block.end;
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST(Distribution, fixed_order_sum_has_the_same_bits_on_any_number_of_ranks) {
  // 1/1 + 1/2 + ... + 1/1000 in index order, by one loop and distributed.
  double expected = 0.0;
  for (int i = 1; i <= 1000; ++i) expected += 1.0 / i;
  const Range block = block_of(1000, communicator().rank(), communicator().size());
  std::vector<double> own;
  for (std::int64_t i = block.begin; i < block.end; ++i) own.push_back(1.0 / static_cast<double>(i + 1));
  EXPECT_EQ(fixed_order_sum(communicator(), own), expected);
}

TEST(PhaseTimers, know_phases_that_only_some_ranks_have) {
  PhaseTimers timers;
  timers.add("all", 1.0 + communicator().rank());
  if (communicator().rank() == 0) timers.add("root only", 3.0);
  const auto rows = timers.over_ranks(communicator());
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].phase, "all");
  EXPECT_DOUBLE_EQ(rows[0].minimum_s, 1.0);
  EXPECT_DOUBLE_EQ(rows[0].maximum_s, communicator().size());
  EXPECT_DOUBLE_EQ(rows[1].mean_s, 3.0 / communicator().size());
}

}  // namespace
}  // namespace mesoglass
