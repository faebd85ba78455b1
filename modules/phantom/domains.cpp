#include "phantom/domains.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/error.hpp"
#include "core/units.hpp"

namespace mesoglass::phantom {

namespace {

constexpr double most_domains = 5e7;

double sphere_volume(double diameter) {
  return units::pi / 6.0 * diameter * diameter * diameter;
}

double largest_diameter(const MroType& type) {
  return type.diameter_mean_nm + 5.0 * type.diameter_spread_nm;
}

// Distance at which the image of a domain has fallen to weakest_part of its middle.
double image_reach_nm(const PhantomModel& model, double diameter_nm) {
  return image_sigma_nm(model, diameter_nm) * std::sqrt(-2.0 * std::log(weakest_part));
}

double margin_nm(const PhantomModel& model) {
  double margin = 0.0;
  for (const auto& type : model.types) margin = std::max(margin, image_reach_nm(model, largest_diameter(type)));
  return margin;
}

struct PlantedBox {
  double x0, y0, x1, y1;
  double mean_thickness_nm;
  double largest_thickness_nm;
  [[nodiscard]] double volume() const { return (x1 - x0) * (y1 - y0) * mean_thickness_nm; }
};

PlantedBox planted_box(const PhantomModel& model) {
  const double margin = margin_nm(model);
  PlantedBox box{-margin, -margin, model.width_nm() + margin, model.height_nm() + margin, 0.0, 0.0};
  // The thickness is linear except where a wedge runs out in the margin: the mean over a fine grid serves both.
  constexpr int samples = 64;
  for (int i = 0; i < samples; ++i) {
    for (int j = 0; j < samples; ++j) {
      box.mean_thickness_nm += model.thickness_nm(box.x0 + (box.x1 - box.x0) * (j + 0.5) / samples,
                                                  box.y0 + (box.y1 - box.y0) * (i + 0.5) / samples);
    }
  }
  box.mean_thickness_nm /= samples * samples;
  for (const double x : {box.x0, box.x1}) {
    for (const double y : {box.y0, box.y1}) {
      box.largest_thickness_nm = std::max(box.largest_thickness_nm, model.thickness_nm(x, y));
    }
  }
  return box;
}

// Uniform over all rotations: K. Shoemake, Graphics Gems III (1992) 124.
std::array<double, 4> random_rotation(RandomStream& stream) {
  const double u = stream.uniform();
  const double a = 2.0 * units::pi * stream.uniform();
  const double b = 2.0 * units::pi * stream.uniform();
  return {std::sqrt(u) * std::cos(b), std::sqrt(1.0 - u) * std::sin(a), std::sqrt(1.0 - u) * std::cos(a),
          std::sqrt(u) * std::sin(b)};
}

std::array<double, 3> rotated(const std::array<double, 4>& q, const std::array<double, 3>& v) {
  const auto [w, x, y, z] = q;
  // v + 2 w (u x v) + 2 u x (u x v), u = (x, y, z)
  const std::array<double, 3> c = {y * v[2] - z * v[1], z * v[0] - x * v[2], x * v[1] - y * v[0]};
  return {v[0] + 2.0 * (w * c[0] + y * c[2] - z * c[1]), v[1] + 2.0 * (w * c[1] + z * c[0] - x * c[2]),
          v[2] + 2.0 * (w * c[2] + x * c[1] - y * c[0])};
}

Domain draw_domain(const PhantomModel& model, const PlantedBox& box, std::int32_t type_index, std::uint64_t number) {
  const auto& type = model.types[static_cast<std::size_t>(type_index)];
  RandomStream stream(model.seed, RandomPurpose::phantom_domains, number, static_cast<std::uint32_t>(type_index));
  Domain domain;
  domain.type = type_index;
  // A tenth of the mean is where a Gaussian of at most half relative spread is cut.
  do {
    domain.diameter_nm = stream.normal(type.diameter_mean_nm, type.diameter_spread_nm);
  } while (domain.diameter_nm < 0.1 * type.diameter_mean_nm || domain.diameter_nm > largest_diameter(type));
  double thickness = 0.0;
  do {  // uniform in the film's volume
    domain.x_nm = stream.uniform(box.x0, box.x1);
    domain.y_nm = stream.uniform(box.y0, box.y1);
    thickness = model.thickness_nm(domain.x_nm, domain.y_nm);
  } while (stream.uniform() * box.largest_thickness_nm >= thickness);
  domain.z_nm = stream.uniform(0.0, thickness);
  if (type.orientation == DomainOrientation::random) {
    domain.rotation = random_rotation(stream);
  } else {
    const double half_angle = units::pi * stream.uniform();
    domain.rotation = {std::cos(half_angle), 0.0, 0.0, std::sin(half_angle)};
  }
  return domain;
}

}  // namespace

double expected_domains(const PhantomModel& model) {
  const double volume = planted_box(model).volume();
  double total = 0.0;
  for (const auto& type : model.types) {
    // Mean cube of a Gaussian: m^3 + 3 m s^2.
    const double m = type.diameter_mean_nm;
    const double mean_volume = sphere_volume(m) * (1.0 + 3.0 * std::pow(type.diameter_spread_nm / m, 2));
    total += type.volume_fraction * volume / mean_volume;
  }
  return total;
}

PlantedDomains plant_domains(const PhantomModel& model) {
  const auto box = planted_box(model);
  if (expected_domains(model) > most_domains) {
    throw input_error(
        "this scan needs {:.2g} MRO domains ({:.0f} x {:.0f} nm of film, at most {:.0e} are planted): make the "
        "scan step or the volume fraction smaller",
        expected_domains(model), box.x1 - box.x0, box.y1 - box.y0, most_domains);
  }
  PlantedDomains planted;
  planted.film_volume_nm3 = box.volume();
  for (std::size_t i = 0; i < model.types.size(); ++i) {
    const double target = model.types[i].volume_fraction * box.volume();
    double volume = 0.0;
    for (std::uint64_t number = 0;; ++number) {
      const auto domain = draw_domain(model, box, static_cast<std::int32_t>(i), number);
      const double added = sphere_volume(domain.diameter_nm);
      // Within half a domain: the last one is planted only if that brings the volume nearer.
      if (volume + 0.5 * added > target) break;
      volume += added;
      planted.domains.push_back(domain);
    }
    planted.planted_volume_nm3.push_back(volume);
  }
  return planted;
}

double image_sigma_nm(const PhantomModel& model, double diameter_nm) {
  return sigma_of_fwhm * std::hypot(diameter_nm, model.beam.probe_fwhm_nm);
}

double speckle_sigma_inverse_nm(const PhantomModel& model, double diameter_nm) {
  // A Gaussian density of standard deviation s has an amplitude transform of 1/(2 pi s) and an intensity of that over
  // sqrt 2. A disc of radius r has the variance r^2 / 4 along an axis.
  const double shape = 1.0 / (2.0 * units::pi * sigma_of_fwhm * diameter_nm * std::sqrt(2.0));
  return std::hypot(shape, 0.5 * model.beam.disc_radius_inverse_nm);
}

double rocking_sigma_rad(const PhantomModel& model, const MroType& type, double diameter_nm) {
  if (type.tilt_width_rad > 0.0) return type.tilt_width_rad;
  return speckle_sigma_inverse_nm(model, diameter_nm) / type.k_inverse_nm;
}

double full_speckle_part(const PhantomModel& model, const MroType& type, double diameter_nm) {
  const double domain = sigma_of_fwhm * diameter_nm;
  const double image = image_sigma_nm(model, diameter_nm);
  return type.order * model.scattering.speckle_strength_inverse_nm * diameter_nm * (domain * domain) / (image * image);
}

std::vector<Speckle> speckles_of(const PhantomModel& model, const Domain& domain) {
  const auto& type = model.types[static_cast<std::size_t>(domain.type)];
  const double rocking = rocking_sigma_rad(model, type, domain.diameter_nm);
  const double sigma = speckle_sigma_inverse_nm(model, domain.diameter_nm);
  std::vector<Speckle> speckles;
  for (int j = 0; j < type.fold; ++j) {
    const double angle = 2.0 * units::pi * j / type.fold;
    const auto g = rotated(domain.rotation, {std::cos(angle), std::sin(angle), 0.0});
    // The Ewald sphere of fast electrons is a plane at these angles: the Bragg condition is g_z = 0.
    const double tilt = std::asin(std::clamp(g[2], -1.0, 1.0));
    const double excitation = std::exp(-0.5 * (tilt / rocking) * (tilt / rocking));
    if (excitation < weakest_part) continue;
    speckles.push_back({type.k_inverse_nm * g[0], type.k_inverse_nm * g[1], sigma, excitation});
  }
  return speckles;
}

DomainIndex::DomainIndex(const PhantomModel& model, const PlantedDomains& planted) {
  const auto box = planted_box(model);
  double largest_reach = 1.0;
  for (const auto& domain : planted.domains) {
    largest_reach = std::max(largest_reach, image_reach_nm(model, domain.diameter_nm));
  }
  cell_nm_ = largest_reach;
  origin_x_nm_ = box.x0;
  origin_y_nm_ = box.y0;
  columns_ = static_cast<std::int64_t>((box.x1 - box.x0) / cell_nm_) + 1;
  rows_ = static_cast<std::int64_t>((box.y1 - box.y0) / cell_nm_) + 1;

  std::vector<std::pair<std::size_t, Entry>> found;
  for (const auto& domain : planted.domains) {
    const auto& type = model.types[static_cast<std::size_t>(domain.type)];
    const auto lit = speckles_of(model, domain);
    if (lit.empty() || type.order == 0.0) continue;
    const double sigma = image_sigma_nm(model, domain.diameter_nm);
    const double reach = image_reach_nm(model, domain.diameter_nm);
    const auto cell = static_cast<std::size_t>(cell_of(domain.y_nm, origin_y_nm_, rows_) * columns_ +
                                               cell_of(domain.x_nm, origin_x_nm_, columns_));
    found.push_back({cell,
                     {domain.x_nm, domain.y_nm, 0.5 / (sigma * sigma), reach * reach,
                      full_speckle_part(model, type, domain.diameter_nm), static_cast<std::uint32_t>(speckles_.size()),
                      static_cast<std::uint32_t>(lit.size())}});
    speckles_.insert(speckles_.end(), lit.begin(), lit.end());
  }
  std::stable_sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  cell_begin_.assign(static_cast<std::size_t>(rows_ * columns_) + 1, 0);
  entries_.reserve(found.size());
  for (const auto& [cell, entry] : found) {
    ++cell_begin_[cell + 1];
    entries_.push_back(entry);
  }
  std::partial_sum(cell_begin_.begin(), cell_begin_.end(), cell_begin_.begin());
}

std::int64_t DomainIndex::cell_of(double position, double origin, std::int64_t count) const {
  return std::clamp<std::int64_t>(static_cast<std::int64_t>((position - origin) / cell_nm_), 0, count - 1);
}

}  // namespace mesoglass::phantom
