#include "scan/scan_reader.hpp"

#include <stdexcept>

namespace mesoglass::scan {

void ScanReader::check_request(std::int64_t first_row, std::int64_t row_count, std::size_t values) const {
  if (first_row < 0 || row_count < 0 || first_row + row_count > description_.total_rows()) {
    throw std::logic_error(fmt::format("rows {} to {} asked of a scan of {} rows", first_row, first_row + row_count,
                                       description_.total_rows()));
  }
  if (values != static_cast<std::size_t>(row_count * description_.values_per_row())) {
    throw std::logic_error(fmt::format("a buffer of {} values for {} rows of {} values", values, row_count,
                                       description_.values_per_row()));
  }
}

void ScanReader::read_part(std::int64_t, Range, std::span<float>) const {
  throw std::logic_error(fmt::format("part of a row asked of {}, which is read by whole rows", description_.format));
}

}  // namespace mesoglass::scan
