// mro.h5: the result of an analysis as an EMD 1.0 tree (docs/formats.md).
#pragma once

#include "core/hdf5_file.hpp"
#include "diffraction/sample_result.hpp"

namespace mesoglass::diffraction {

// cn = |I_n|^2 / |I_0|^2; dft2 = (N c_n)^2, for comparison with older codes.
enum class PowerForm { cn, dft2 };

// What the writer needs to know beside the result.
struct MroFileSettings {
  PowerForm power_form = PowerForm::cn;
  double probe_fwhm_nm = 0.0;
  std::string size_profile = "gaussian";                     // how size_diameter was calibrated
  bool calibrated_size = false;                              // `size` itself is the calibrated diameter
  const PairDistributionMeter* pair_distribution = nullptr;  // that measured it; null where it was not
};

// Writes everything but the provenance. Collective; every rank passes the same result.
void write_mro(Hdf5File& file, const SampleResult& sample, const MroFileSettings& settings);

}  // namespace mesoglass::diffraction
