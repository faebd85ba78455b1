#include "phantom/make_phantom.hpp"
#include "phantom/phantom_options.hpp"

int main(int argc, char** argv) {
  mesoglass::OptionTable table;
  mesoglass::phantom::add_phantom_options(table);
  return mesoglass::run_program(argc, argv, mesoglass::phantom::phantom_information(), std::move(table),
                                mesoglass::phantom::make_phantom);
}
