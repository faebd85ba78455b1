#include "phantom/truth.hpp"

#include <algorithm>
#include <cmath>

#include "core/distribution.hpp"
#include "core/units.hpp"

namespace mesoglass::phantom {

std::vector<double> realised_area_fraction(const Communicator& communicator, const PhantomModel& model,
                                           const PlantedDomains& planted) {
  const std::size_t types = model.types.size();
  std::vector<std::int64_t> covered(types, 0);
  const auto positions = static_cast<std::size_t>(model.scan_ny * model.scan_nx);
  std::vector<std::uint32_t> mark(positions, 0);
  std::uint32_t stamp = 0;

  // The speckles once: a domain counts in the few directions near one of them.
  struct Lit {
    double x_nm, y_nm, image_sigma, kx, ky, speckle_sigma, excitation;
  };
  std::vector<std::vector<Lit>> lit(types);
  for (const auto& domain : planted.domains) {
    for (const auto& speckle : speckles_of(model, domain)) {
      if (speckle.excitation < 0.5) continue;
      lit[static_cast<std::size_t>(domain.type)].push_back(
          {domain.x_nm, domain.y_nm, image_sigma_nm(model, domain.diameter_nm), speckle.kx_inverse_nm,
           speckle.ky_inverse_nm, speckle.sigma_inverse_nm, speckle.excitation});
    }
  }
  const auto own = block_of(map_directions, communicator.rank(), communicator.size());
  for (std::size_t type = 0; type < types; ++type) {
    for (auto direction = own.begin; direction < own.end; ++direction) {
      ++stamp;
      const double phi = 2.0 * units::pi * static_cast<double>(direction) / map_directions;
      const double kx = model.types[type].k_inverse_nm * std::cos(phi);
      const double ky = model.types[type].k_inverse_nm * std::sin(phi);
      for (const auto& speckle : lit[type]) {
        const double away = (std::pow(kx - speckle.kx, 2) + std::pow(ky - speckle.ky, 2)) /
                            (2.0 * speckle.speckle_sigma * speckle.speckle_sigma);
        const double room = std::log(2.0) - away + std::log(speckle.excitation);
        if (room < 0.0) continue;
        const double radius = speckle.image_sigma * std::sqrt(2.0 * room) / model.scan_step_nm;
        const double x = speckle.x_nm / model.scan_step_nm;
        const double y = speckle.y_nm / model.scan_step_nm;
        const auto first_row = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(y - radius)));
        const auto last_row =
            std::min<std::int64_t>(model.scan_ny - 1, static_cast<std::int64_t>(std::floor(y + radius)));
        for (auto row = first_row; row <= last_row; ++row) {
          const double half = std::sqrt(std::max(0.0, radius * radius - std::pow(static_cast<double>(row) - y, 2)));
          const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(std::ceil(x - half)));
          const auto last = std::min<std::int64_t>(model.scan_nx - 1, static_cast<std::int64_t>(std::floor(x + half)));
          for (auto column = first; column <= last; ++column) {
            auto& cell = mark[static_cast<std::size_t>(row * model.scan_nx + column)];
            if (cell != stamp) {
              cell = stamp;
              ++covered[type];
            }
          }
        }
      }
    }
  }
  communicator.sum_in_place(std::span<std::int64_t>(covered));
  std::vector<double> fraction;
  for (const auto count : covered) {
    fraction.push_back(static_cast<double>(count) / (static_cast<double>(positions) * map_directions));
  }
  return fraction;
}

std::vector<double> realised_speckle_size_nm(const PhantomModel& model, const PlantedDomains& planted) {
  // A map is a sum of Gaussians at random places, so its autocorrelation is the sum of theirs: domain d adds
  // a_d^2 s_d^2 exp(-r^2 / (4 s_d^2)), a_d its amplitude and s_d its image's standard deviation.
  std::vector<double> sizes;
  for (std::size_t type = 0; type < model.types.size(); ++type) {
    std::vector<std::pair<double, double>> terms;  // (weight, s_d)
    double total = 0.0;
    double widest = 0.0;
    for (const auto& domain : planted.domains) {
      if (static_cast<std::size_t>(domain.type) != type) continue;
      double seen = 0.0;
      for (const auto& speckle : speckles_of(model, domain)) seen += speckle.excitation * speckle.excitation;
      const double sigma = image_sigma_nm(model, domain.diameter_nm);
      // Spots of one electron each are as high as their width is small.
      const double amplitude = full_speckle_part(model, model.types[type], domain.diameter_nm) /
                               std::pow(speckle_sigma_inverse_nm(model, domain.diameter_nm), 2);
      terms.emplace_back(amplitude * amplitude * sigma * sigma * seen, sigma);
      total += terms.back().first;
      widest = std::max(widest, sigma);
    }
    if (!(total > 0.0)) {
      sizes.push_back(std::nan(""));
      continue;
    }
    double low = 0.0;
    double high = 10.0 * widest;
    for (int step = 0; step < 60; ++step) {
      const double r = 0.5 * (low + high);
      double value = 0.0;
      for (const auto& [weight, sigma] : terms) value += weight * std::exp(-r * r / (4.0 * sigma * sigma));
      (value > 0.5 * total ? low : high) = r;
    }
    const double image = 2.0 * low / std::sqrt(2.0);
    sizes.push_back(std::sqrt(std::max(0.0, image * image - model.beam.probe_fwhm_nm * model.beam.probe_fwhm_nm)));
  }
  return sizes;
}

BadPixels draw_bad_pixels(const PhantomModel& model) {
  BadPixels pixels;
  RandomStream stream(model.seed, RandomPurpose::phantom_detector);
  std::vector<char> taken(static_cast<std::size_t>(model.detector.ny * model.detector.nx), 0);
  const auto draw = [&](std::int64_t count, auto& list) {
    while (static_cast<std::int64_t>(list.size()) < count) {
      const auto pixel = stream.index(static_cast<std::int64_t>(taken.size()));
      if (std::exchange(taken[static_cast<std::size_t>(pixel)], 1) != 0) continue;
      list.emplace_back(static_cast<std::int32_t>(pixel / model.detector.nx),
                        static_cast<std::int32_t>(pixel % model.detector.nx));
    }
    std::sort(list.begin(), list.end());
  };
  draw(model.detector.dead_pixels, pixels.dead);
  draw(model.detector.hot_pixels, pixels.hot);
  return pixels;
}

namespace {

template <typename T, typename Value>
void write_column(Hdf5File& file, const std::string& dataset, std::size_t rows, const Value& value,
                  const std::string& unit, const std::string& description) {
  std::vector<T> column(rows);
  for (std::size_t i = 0; i < rows; ++i) column[i] = static_cast<T>(value(i));
  file.write(dataset, column, unit, description);
}

void write_domains(Hdf5File& file, const std::vector<Domain>& domains) {
  const auto n = domains.size();
  write_column<std::int32_t>(
      file, "/domains/type", n, [&](auto i) { return domains[i].type; }, "1", "row of /types");
  write_column<double>(
      file, "/domains/x_nm", n, [&](auto i) { return domains[i].x_nm; }, "nm",
      "centre along a scan row; 0 = first probe position");
  write_column<double>(
      file, "/domains/y_nm", n, [&](auto i) { return domains[i].y_nm; }, "nm",
      "centre across the scan rows; 0 = first probe position");
  write_column<double>(
      file, "/domains/z_nm", n, [&](auto i) { return domains[i].z_nm; }, "nm", "depth below the film's upper side");
  write_column<double>(
      file, "/domains/diameter_nm", n, [&](auto i) { return domains[i].diameter_nm; }, "nm",
      "full width at half maximum of the domain's Gaussian density");
  std::vector<double> rotation;
  for (const auto& domain : domains) rotation.insert(rotation.end(), domain.rotation.begin(), domain.rotation.end());
  file.write("/domains/rotation", {n, 4}, std::span<const double>(rotation), "1",
             "unit quaternion w, x, y, z from the domain's frame (zone axis z, first vector x) to the laboratory's");
}

void write_types(Hdf5File& file, const PhantomModel& model, const PlantedDomains& planted,
                 const std::vector<double>& area_fraction) {
  const auto& types = model.types;
  const auto n = types.size();
  std::vector<std::string> names;
  for (const auto& type : types) names.push_back(type.name);
  file.write_texts("/types/name", names, "what the type is called");
  write_column<double>(
      file, "/types/k", n, [&](auto i) { return types[i].k_inverse_nm; }, "nm^-1", "scattering vector");
  write_column<std::int32_t>(
      file, "/types/fold", n, [&](auto i) { return types[i].fold; }, "1", "vectors in a plane");
  write_column<double>(
      file, "/types/diameter_mean_nm", n, [&](auto i) { return types[i].diameter_mean_nm; }, "nm",
      "asked mean diameter");
  write_column<double>(
      file, "/types/diameter_spread_nm", n, [&](auto i) { return types[i].diameter_spread_nm; }, "nm",
      "asked standard deviation of the diameter");
  write_column<double>(
      file, "/types/volume_fraction", n, [&](auto i) { return types[i].volume_fraction; }, "1",
      "asked volume fraction");
  write_column<double>(
      file, "/types/order", n, [&](auto i) { return types[i].order; }, "1", "degree of order");

  std::vector<double> count(n, 0.0);
  std::vector<double> diameter(n, 0.0);
  for (const auto& domain : planted.domains) {
    count[static_cast<std::size_t>(domain.type)] += 1.0;
    diameter[static_cast<std::size_t>(domain.type)] += domain.diameter_nm;
  }
  const auto sizes = realised_speckle_size_nm(model, planted);
  write_column<double>(
      file, "/types/realised_volume_fraction", n,
      [&](auto i) { return planted.planted_volume_nm3[i] / planted.film_volume_nm3; }, "1",
      "spheres of the planted diameters over the film's volume");
  write_column<double>(
      file, "/types/realised_diameter_mean_nm", n,
      [&](auto i) { return count[i] > 0.0 ? diameter[i] / count[i] : std::nan(""); }, "nm",
      "mean over the planted domains");
  file.write("/types/realised_area_fraction", area_fraction, "1",
             "probe positions with at least half a domain's full signal, mean over 126 directions at the type's k");
  file.write("/types/realised_speckle_size_nm", sizes, "nm",
             "autocorrelation width over sqrt 2, probe removed, of ideal maps");
  write_column<std::int64_t>(
      file, "/types/realised_domains", n, [&](auto i) { return count[i]; }, "1",
      "planted domains, margin around the scan included");
}

void write_patterns(Hdf5File& file, const PhantomModel& model) {
  const Shape shape = {static_cast<std::uint64_t>(model.scan_ny), static_cast<std::uint64_t>(model.scan_nx)};
  const auto write = [&](const std::string& name, const auto& value, const std::string& unit, const std::string& text) {
    std::vector<double> map;
    map.reserve(shape[0] * shape[1]);
    for (std::int64_t y = 0; y < model.scan_ny; ++y) {
      for (std::int64_t x = 0; x < model.scan_nx; ++x) map.push_back(value(y, x));
    }
    file.write("/patterns/" + name, shape, std::span<const double>(map), unit, text);
  };
  const auto step = model.scan_step_nm;
  write(
      "centre_x_px", [&](auto y, auto x) { return model.centre_px(y, x).first; }, "px",
      "unscattered beam along kx; 0 = middle of the first pixel");
  write(
      "centre_y_px", [&](auto y, auto x) { return model.centre_px(y, x).second; }, "px",
      "unscattered beam along ky; 0 = middle of the first pixel");
  write(
      "thickness_nm",
      [&](auto y, auto x) { return model.thickness_nm(static_cast<double>(x) * step, static_cast<double>(y) * step); },
      "nm", "film thickness");
  write(
      "transmittance",
      [&](auto y, auto x) { return model.transmittance(static_cast<double>(x) * step, static_cast<double>(y) * step); },
      "1", "part of the beam left in the unscattered disc");
}

// What a time series' speckles were given.
void write_dynamics(Hdf5File& file, const PhantomModel& model, const std::vector<Domain>& domains) {
  const Dynamics& dynamics = model.dynamics;
  if (dynamics.frames <= 1) return;
  const Shape shape = {static_cast<std::uint64_t>(model.scan_ny), static_cast<std::uint64_t>(model.scan_nx)};
  std::vector<double> map;
  for (std::int64_t y = 0; y < model.scan_ny; ++y) {
    for (std::int64_t x = 0; x < model.scan_nx; ++x) {
      map.push_back(model.relaxation_time_s(static_cast<double>(x) * model.scan_step_nm));
    }
  }
  file.write("/dynamics/relaxation_time", shape, std::span<const double>(map), "s",
             "tau of 1 + exp(-2 (t/tau)^beta), the correlation of every speckle's intensity, at a probe position");
  write_column<double>(
      file, "/domains/relaxation_time_s", domains.size(),
      [&](auto i) { return model.relaxation_time_s(domains[i].x_nm); }, "s", "tau of the domain's speckles");
  file.set_attribute("/dynamics", "frames", dynamics.frames);
  file.set_attribute("/dynamics", "frame_interval_s", dynamics.frame_interval_s);
  file.set_attribute("/dynamics", "stretching", dynamics.stretching);
}

void write_pixels(Hdf5File& file, const std::string& name,
                  const std::vector<std::pair<std::int32_t, std::int32_t>>& pixels, const std::string& text) {
  std::vector<std::int32_t> values;
  for (const auto& [ky, kx] : pixels) {
    values.push_back(ky);
    values.push_back(kx);
  }
  file.write("/detector/" + name, {pixels.size(), 2}, std::span<const std::int32_t>(values), "px", text);
}

}  // namespace

void write_truth(Hdf5File& file, const PhantomModel& model, const PlantedDomains& planted, const BadPixels& bad_pixels,
                 const std::vector<double>& area_fraction) {
  file.write_format("mesoglass truth", 1, 1);
  write_domains(file, planted.domains);
  write_types(file, model, planted, area_fraction);
  write_patterns(file, model);
  write_dynamics(file, model, planted.domains);
  write_pixels(file, "dead_pixels", bad_pixels.dead, "(ky, kx) of pixels that always show 0");
  write_pixels(file, "hot_pixels", bad_pixels.hot, "(ky, kx) of pixels that always show the same large value");
  file.create_group("/calibration");
  const auto set = [&](const char* name, double value) { file.set_attribute("/calibration", name, value); };
  set("k_per_pixel", model.detector.k_per_pixel_inverse_nm);
  set("scan_step_nm", model.scan_step_nm);
  set("gain", model.detector.gain);
  set("ellipse_axis_ratio", model.detector.ellipse_axis_ratio);
  set("ellipse_angle_rad", model.detector.ellipse_angle_rad);
  set("mean_free_path_nm", model.film.mean_free_path_nm);
  set("probe_fwhm_nm", model.beam.probe_fwhm_nm);
  set("dose_electrons", model.beam.dose_electrons);
  set("voltage_v", model.beam.voltage_v);
  set("disc_radius_inverse_nm", model.beam.disc_radius_inverse_nm);
}

}  // namespace mesoglass::phantom
