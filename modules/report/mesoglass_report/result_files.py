"""Reads mesoglass HDF5 files with checks: format, version, shape, size, damage."""

import contextlib
import pathlib

import h5py
import numpy

from .errors import InputError

SUPPORTED_MAJOR_VERSION = 1
WRITER_OF = {
    "mesoglass mro": "mg-analyze",
    "mesoglass truth": "mg-phantom",
    "mesoglass catalog": "mg-catalog",
    "mesoglass deform": "mg-deform",
    "mesoglass ensemble": "mg-ensemble",
}
# A figure needs no more; a file that claims more is damaged or wants a slice, not a read.
LARGEST_READ_BYTES = 4 << 30


def _text(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


class ResultFile:
    """One open file. Paths are absolute; everything asked for and absent is an InputError naming file and path."""

    def __init__(self, path, file_format):
        self.path = pathlib.Path(path)
        self.format = file_format
        self.writer = WRITER_OF[file_format]
        if not self.path.is_file():
            why = "is a folder" if self.path.is_dir() else "no such file"
            raise InputError(f"{path}: cannot be read ({why}): give a file that {self.writer} wrote")
        with self._translated("opening"):
            self.file = h5py.File(self.path, "r")
        try:
            self._check_format()
        except BaseException:
            self.file.close()
            raise

    def _check_format(self):
        found = self.attribute("/", "format", None)
        if found is None:
            raise self.wrong("has no 'format' attribute, so it is no mesoglass file",
                             f"give a file that {self.writer} wrote")
        if _text(found) != self.format:
            raise self.wrong(f"is a '{_text(found)}' file, not '{self.format}'", f"give a file that {self.writer} wrote")
        with self._translated("reading the format version of"):
            version = numpy.atleast_1d(self.file.attrs["format_version"]).astype(int)
        if version[0] > SUPPORTED_MAJOR_VERSION:
            raise self.wrong(f"has format version {'.'.join(map(str, version))}, newer than the "
                             f"{SUPPORTED_MAJOR_VERSION}.x this program reads", "use a newer mg-report")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()

    def wrong(self, problem, remedy):
        """The error for a file that cannot be used."""
        return InputError(f"{self.path}: {problem}: {remedy}")

    @contextlib.contextmanager
    def _translated(self, doing):
        # h5py reports damage as whichever exception the broken byte leads to.
        try:
            yield
        except (OSError, RuntimeError, KeyError, ValueError, TypeError, IndexError, MemoryError, OverflowError,
                SystemError) as cause:
            words = " ".join(str(cause).split()) or type(cause).__name__
            raise InputError(f"{self.path}: {doing} the file failed ({words}): it is truncated or damaged; write it "
                             f"anew with {self.writer}") from None

    def exists(self, path):
        """True where a group or dataset of this path is in the file."""
        with self._translated(f"looking for {path} in"):
            return path in self.file

    def children(self, group):
        """Names inside a group, sorted; empty where the group is absent."""
        with self._translated(f"listing {group} of"):
            return sorted(self.file[group]) if group in self.file else []

    def _dataset(self, path):
        with self._translated(f"opening {path} of"):
            found = self.file.get(path)
            if found is not None and not isinstance(found, h5py.Dataset):
                found = None
        if found is None:
            raise self.wrong(f"has no dataset {path}", f"write it anew with {self.writer}")
        return found

    def shape(self, path):
        """Lengths of a dataset's axes."""
        return self._dataset(path).shape

    def numbers(self, path, dimensions, index=()):
        """A dataset (or the part `index` of it) as float64, which must have this many dimensions. A value that is not
        finite becomes NaN, which figures leave blank."""
        dataset = self._dataset(path)
        if dataset.ndim != dimensions:
            raise self.wrong(f"{path} has {dataset.ndim} dimensions, not {dimensions}",
                             f"write it anew with {self.writer}")
        if index == () and dataset.size * 8 > LARGEST_READ_BYTES:
            raise self.wrong(f"{path} has the shape {dataset.shape}, more than {LARGEST_READ_BYTES >> 30} GiB",
                             "the file is damaged, or too large for a page of figures")
        with self._translated(f"reading {path} of"):
            values = numpy.asarray(dataset[index], dtype=numpy.float64)
        return numpy.where(numpy.isfinite(values), values, numpy.nan)

    def texts(self, path):
        """A one-dimensional text dataset."""
        dataset = self._dataset(path)
        with self._translated(f"reading {path} of"):
            return [_text(value) for value in numpy.atleast_1d(dataset[()])]

    def attribute(self, path, name, default=...):
        """An attribute as h5py gives it; without a default its absence is an error."""
        with self._translated(f"reading the attribute {name} of {path} in"):
            attributes = self.file[path].attrs if path in self.file else {}
            if name in attributes:
                return attributes[name]
        if default is ...:
            raise self.wrong(f"has no attribute {name} at {path}", f"write it anew with {self.writer}")
        return default

    def attribute_real(self, path, name, default=...):
        """A numeric attribute (the first value of an array)."""
        value = self.attribute(path, name, default)
        if value is default:
            return default
        with self._translated(f"reading the attribute {name} of {path} in"):
            return float(numpy.ravel(value)[0])

    def attribute_text(self, path, name, default=...):
        """A text attribute."""
        value = self.attribute(path, name, default)
        return value if value is default else _text(numpy.ravel(value)[0] if numpy.ndim(value) else value)

    def table(self, group, names, optional=()):
        """name -> column, of equal lengths, from a group of one-dimensional datasets."""
        columns = {name: self.numbers(f"{group}/{name}", 1) for name in names}
        columns |= {name: self.numbers(f"{group}/{name}", 1) for name in optional if self.exists(f"{group}/{name}")}
        if len({len(column) for column in columns.values()}) > 1:
            lengths = ", ".join(f"{name} {len(column)}" for name, column in columns.items())
            raise self.wrong(f"the columns of {group} differ in length ({lengths})",
                             f"write it anew with {self.writer}")
        return columns

    def axis(self, group, number, length):
        """Values along an EMD array's axis; EMD stores a linear axis as its first two values."""
        values = self.numbers(f"{group}/dim{number}", 1)
        if len(values) == 2 and length > 2:
            return values[0] + (values[1] - values[0]) * numpy.arange(length)
        if len(values) != length:
            raise self.wrong(f"{group}/dim{number} has {len(values)} values for an axis of {length}",
                             f"write it anew with {self.writer}")
        return values

    def provenance(self):
        """name -> text of everything in /provenance."""
        entries = {}
        with self._translated("reading the provenance of"):
            if "provenance" not in self.file:
                return entries
            group = self.file["provenance"]
            for name, value in group.attrs.items():
                if name not in ("units", "description"):
                    entries[name] = _text(value)
            for name in group:
                if isinstance(group[name], h5py.Dataset):
                    value = group[name][()]
                    entries[name] = ("\n".join(_text(line) for line in value) if numpy.ndim(value) else _text(value))
        return entries
