"""Fields open in VTK's own reader, which is ParaView's, with the numbers that the result files hold."""

import unittest

import h5py
import numpy
from program_test import ProgramTest

try:
    from vtkmodules.util.numpy_support import vtk_to_numpy
    from vtkmodules.vtkIOHDF import vtkHDFReader
except ImportError:
    vtkHDFReader = None


@unittest.skipIf(vtkHDFReader is None, "VTK's Python modules (python3-vtk9) are not installed")
class ParaView(ProgramTest):
    def fields(self, name):
        """The image that VTK reads, and its arrays (points, components)."""
        reader = vtkHDFReader()
        reader.SetFileName(str(self.folder / name))
        reader.Update()
        image = reader.GetOutput()
        data = image.GetPointData()
        return image, {data.GetArrayName(i): vtk_to_numpy(data.GetArray(i)) for i in range(data.GetNumberOfArrays())}

    def deform(self, *catalog_options):
        self.run_ok("mg-catalog", *catalog_options, "--output", "glass.h5")
        self.run_ok("mg-deform", "glass.h5", "--output", "d.h5", "--final-strain", 0.01, ranks=2)
        image, fields = self.fields("d.000.vtkhdf")
        with h5py.File(self.folder / "d.h5") as file:
            # All but the table of clusters are fields.
            snapshot = {name: node[()] for name, node in file["snapshots/000"].items() if not name.startswith("cluster_")}
        self.assertEqual(set(fields), set(snapshot))
        return image, fields, snapshot

    def test_two_dimensional_snapshot(self):
        image, fields, snapshot = self.deform("--parameter-set", "2d", "--glass", "x05", "--nx", 12, "--ny", 10)
        self.assertEqual(image.GetDimensions(), (12, 10, 2))
        self.assertEqual(image.GetSpacing(), (0.7, 0.7, 1.0))
        for name, values in snapshot.items():
            both_faces = numpy.concatenate([values, values]).reshape(fields[name].shape)
            numpy.testing.assert_array_equal(fields[name], both_faces, err_msg=name)

    def test_three_dimensional_snapshot(self):
        image, fields, snapshot = self.deform("--glass", "x05", "--nx", 6, "--ny", 5, "--nz", 4, "--domain-diameter", 0)
        self.assertEqual(image.GetDimensions(), (6, 5, 4))
        self.assertEqual(image.GetSpacing(), (2.5, 2.5, 2.5))
        self.assertEqual(image.GetOrigin(), (1.25, 1.25, 1.25))
        for name, values in snapshot.items():
            numpy.testing.assert_array_equal(fields[name], values.reshape(fields[name].shape), err_msg=name)


if __name__ == "__main__":
    unittest.main()
