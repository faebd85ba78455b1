#include <gtest/gtest.h>

#include "scan/row_blocks.hpp"
#include "scan/scan_options.hpp"

namespace mesoglass::test {
namespace {

scan::ScanDescription scan_of(std::int64_t frames, std::int64_t ny, std::int64_t alignment) {
  scan::ScanDescription d;
  d.time_frames = frames;
  d.scan_ny = ny;
  d.scan_nx = 10;
  d.pattern_ny = d.pattern_nx = 4;
  d.row_alignment = alignment;
  return d;
}

TEST(RowBlocks, CoverEveryRowOnceWithinMemory) {
  constexpr std::int64_t bytes_per_pattern = 64;
  for (const std::int64_t frames : {1, 3}) {
    for (const std::int64_t ny : {1, 2, 7, 64, 257}) {
      for (const std::int64_t alignment : {1, 4, 16}) {
        for (const int size : {1, 2, 3, 8, 300}) {
          for (const std::int64_t buffer : {1, 640, 6400, 1 << 30}) {
            const auto d = scan_of(frames, ny, alignment);
            std::int64_t next = 0;
            for (int rank = 0; rank < size; ++rank) {
              const auto plan = scan::plan_row_blocks(d, rank, size, buffer, bytes_per_pattern);
              for (const auto& block : plan.blocks) {
                ASSERT_EQ(block.begin, next);
                ASSERT_GT(block.size(), 0);
                ASSERT_TRUE(block.size() == 1 || block.size() * d.scan_nx * bytes_per_pattern <= buffer);
                next = block.end;
              }
              ASSERT_EQ(plan.own_rows.end, next);
            }
            ASSERT_EQ(next, frames * ny);
          }
        }
      }
    }
  }
}

TEST(RowBlocks, BeginAtChunkBoundariesWhereMemoryAllows) {
  const auto d = scan_of(1, 100, 8);
  for (int rank = 0; rank < 3; ++rank) {
    const auto plan = scan::plan_row_blocks(d, rank, 3, 20 * 640, 64);
    EXPECT_EQ(plan.rows_per_block, 16);
    for (const auto& block : plan.blocks) EXPECT_EQ(block.begin % 8, 0);
  }
}

TEST(ScanOptions, ShapesAreRowsByColumns) {
  EXPECT_EQ(scan::parse_shape("64x128", "--scan-shape"), std::pair(std::int64_t{64}, std::int64_t{128}));
  for (const char* wrong :
       {"", "64", "x", "64x", "x64", "0x5", "-3x5", "64x128x2", "64 x 128", "99999999999x1", "6.5x2"}) {
    EXPECT_THROW((void)scan::parse_shape(wrong, "--scan-shape"), Error) << wrong;
  }
}

}  // namespace
}  // namespace mesoglass::test
