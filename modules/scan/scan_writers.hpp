// One writer a format, for create_scan. Collective.
#pragma once

#include "scan/scan_writer.hpp"

namespace mesoglass::scan {

[[nodiscard]] std::unique_ptr<ScanWriter> create_empad(const Communicator&, const std::filesystem::path&,
                                                       const ScanDescription&, IfExists);
[[nodiscard]] std::unique_ptr<ScanWriter> create_emd(const Communicator&, const std::filesystem::path&,
                                                     const ScanDescription&, IfExists);

}  // namespace mesoglass::scan
