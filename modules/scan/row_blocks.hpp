// Which scan rows a rank reads, and how many at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "core/distribution.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

// This rank's rows (contiguous, all ranks together cover every row once) and the blocks it reads them in.
struct RowBlocks {
  Range own_rows;
  std::int64_t rows_per_block = 1;
  std::vector<Range> blocks;  // in order, none empty; no blocks where a rank has no rows
};

// Shares the rows of a scan among `size` ranks, in units of the scan's row alignment where there are enough rows for
// that, and cuts rank `rank`'s share into blocks whose buffers stay within `buffer_bytes`; a single row may exceed it,
// and then is the block. `bytes_per_pattern` is what the caller keeps for each pattern of a block (at least the float
// pattern itself). Where that is less than a row of HDF5 chunks, which would be read and inflated once for every block
// that it meets, a block may take up to `chunk_buffer_bytes` to hold one. Pure: every rank can ask for any rank's
// share.
[[nodiscard]] RowBlocks plan_row_blocks(const ScanDescription& scan, int rank, int size, std::int64_t buffer_bytes,
                                        std::int64_t bytes_per_pattern, std::int64_t chunk_buffer_bytes = 0);

}  // namespace mesoglass::scan
