// mg-phantom's options, and the model they describe.
#pragma once

#include <filesystem>

#include "core/option_table.hpp"
#include "phantom/phantom_model.hpp"

namespace mesoglass::phantom {

void add_phantom_options(OptionTable& table);

// The model, checked. Throws input_error.
[[nodiscard]] PhantomModel model_from(const Options& options);

struct PhantomOutputs {
  std::filesystem::path scan;
  std::filesystem::path truth;
};
// --truth, or the scan's name with .truth.h5 for its extension.
[[nodiscard]] PhantomOutputs outputs_from(const Options& options);

}  // namespace mesoglass::phantom
