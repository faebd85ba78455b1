#include "scan/row_blocks.hpp"

#include <algorithm>

namespace mesoglass::scan {

RowBlocks plan_row_blocks(const ScanDescription& scan, int rank, int size, std::int64_t buffer_bytes,
                          std::int64_t bytes_per_pattern, std::int64_t chunk_buffer_bytes) {
  const std::int64_t rows = scan.total_rows();
  std::int64_t alignment = std::max<std::int64_t>(1, scan.row_alignment);
  // With fewer aligned groups than ranks some ranks would idle: then a chunk read twice is the lesser cost. Across time
  // frames alignment holds only if a frame is a whole number of groups.
  const bool frames_align = scan.time_frames == 1 || scan.scan_ny % alignment == 0;
  if (!frames_align || (rows + alignment - 1) / alignment < size) alignment = 1;

  RowBlocks plan;
  const auto groups = block_of((rows + alignment - 1) / alignment, rank, size);
  plan.own_rows = {std::min(rows, groups.begin * alignment), std::min(rows, groups.end * alignment)};
  const std::int64_t bytes_per_row = std::max<std::int64_t>(1, scan.scan_nx * bytes_per_pattern);
  plan.rows_per_block = std::max<std::int64_t>(1, buffer_bytes / bytes_per_row);
  if (plan.rows_per_block < alignment && alignment * bytes_per_row <= chunk_buffer_bytes) {
    plan.rows_per_block = alignment;
  } else if (plan.rows_per_block > alignment) {
    plan.rows_per_block -= plan.rows_per_block % alignment;
  }
  for (std::int64_t row = plan.own_rows.begin; row < plan.own_rows.end; row += plan.rows_per_block) {
    plan.blocks.push_back({row, std::min(plan.own_rows.end, row + plan.rows_per_block)});
  }
  return plan;
}

}  // namespace mesoglass::scan
