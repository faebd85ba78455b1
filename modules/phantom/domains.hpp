// MRO domains planted in the film, and the speckles they send to the detector.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <vector>

#include "phantom/phantom_model.hpp"

namespace mesoglass::phantom {

struct Domain {
  std::int32_t type = 0;
  double x_nm = 0.0;
  double y_nm = 0.0;
  double z_nm = 0.0;
  double diameter_nm = 0.0;
  std::array<double, 4> rotation = {1.0, 0.0, 0.0, 0.0};  // unit quaternion w, x, y, z
};

// One reflection of one domain, as it stands on the detector.
struct Speckle {
  double kx_inverse_nm = 0.0;  // in-plane part of the scattering vector
  double ky_inverse_nm = 0.0;
  double sigma_inverse_nm = 0.0;  // of its Gaussian spot
  double excitation = 0.0;        // rocking curve: 1 on the Bragg condition
};

// A domain plants no speckle weaker than this part of its full one.
inline constexpr double weakest_part = 1e-4;

struct PlantedDomains {
  std::vector<Domain> domains;             // by type, then in the order drawn
  std::vector<double> planted_volume_nm3;  // by type
  double film_volume_nm3 = 0.0;            // of the whole planted film, margin included
};

// Draws domains for every type until its volume is met within half a domain, in the film under the scan and a margin
// around it that is wide enough for every beam column. The same on every rank; not collective. Throws input_error where
// more than 50 million domains would be needed.
[[nodiscard]] PlantedDomains plant_domains(const PhantomModel& model);
// How many that will be, about.
[[nodiscard]] double expected_domains(const PhantomModel& model);

// Standard deviation of a domain's speckle: the shape transform of its Gaussian density (intensity), broadened by the
// convergent beam; and of its rocking curve.
[[nodiscard]] double speckle_sigma_inverse_nm(const PhantomModel& model, double diameter_nm);
[[nodiscard]] double rocking_sigma_rad(const PhantomModel& model, const MroType& type, double diameter_nm);

// The speckles of a domain that are excited to at least weakest_part.
[[nodiscard]] std::vector<Speckle> speckles_of(const PhantomModel& model, const Domain& domain);

// Standard deviation of a domain's image in a map: domain and probe, both Gaussian.
[[nodiscard]] double image_sigma_nm(const PhantomModel& model, double diameter_nm);

// Part of the beam that an ideal domain (order 1, on its Bragg condition, before absorption) of this diameter scatters
// into one speckle when the probe stands at distance 0: strength * diameter * probe-weighted overlap.
[[nodiscard]] double full_speckle_part(const PhantomModel& model, const MroType& type, double diameter_nm);

// Domains with their speckles, found by place: asking for a column costs as much as that column holds.
class DomainIndex {
 public:
  DomainIndex(const PhantomModel& model, const PlantedDomains& planted);

  struct Entry {
    double x_nm;
    double y_nm;
    double inverse_two_sigma2;  // of the image, nm^-2
    double reach2_nm2;          // beyond it the image is below weakest_part
    double full_part;           // order * full_speckle_part
    std::uint32_t first_speckle;
    std::uint32_t speckle_count;
  };

  // Calls `visit(entry)` for every domain whose image reaches (x, y), in a fixed order.
  template <typename Visit>
  void for_each_near(double x_nm, double y_nm, Visit&& visit) const {
    const auto column = cell_of(x_nm, origin_x_nm_, columns_);
    const auto row = cell_of(y_nm, origin_y_nm_, rows_);
    for (auto r = row > 0 ? row - 1 : row; r <= row + 1 && r < rows_; ++r) {
      for (auto c = column > 0 ? column - 1 : column; c <= column + 1 && c < columns_; ++c) {
        const auto cell = static_cast<std::size_t>(r * columns_ + c);
        for (auto i = cell_begin_[cell]; i < cell_begin_[cell + 1]; ++i) {
          const auto& entry = entries_[i];
          const double dx = entry.x_nm - x_nm;
          const double dy = entry.y_nm - y_nm;
          if (dx * dx + dy * dy <= entry.reach2_nm2) visit(entry);
        }
      }
    }
  }
  [[nodiscard]] const std::vector<Speckle>& speckles() const noexcept { return speckles_; }
  [[nodiscard]] const std::vector<Entry>& entries() const noexcept { return entries_; }
  [[nodiscard]] double bytes() const noexcept {
    return static_cast<double>(entries_.size() * sizeof(Entry) + speckles_.size() * sizeof(Speckle));
  }

 private:
  [[nodiscard]] std::int64_t cell_of(double position, double origin, std::int64_t count) const;
  double cell_nm_ = 1.0;
  double origin_x_nm_ = 0.0;
  double origin_y_nm_ = 0.0;
  std::int64_t columns_ = 1;
  std::int64_t rows_ = 1;
  std::vector<std::size_t> cell_begin_;
  std::vector<Entry> entries_;
  std::vector<Speckle> speckles_;
};

}  // namespace mesoglass::phantom
