"""One figure of the report."""

import dataclasses


@dataclasses.dataclass
class Figure:
    """`name` is the file name without ending; `caption` says in words what one sees; png and pdf are file contents."""

    name: str
    section: str
    title: str
    caption: str
    png: bytes
    pdf: bytes
