"""Pages of a packed row, its images, and the numbers of its tokens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from starlette.responses import Response

from octomed.errors import RecipeError
from octomed.pipeline.finished.inspect_images import header_of
from octomed.report.views import ImageView
from octomed.view.packs import documents_of, read_pack
from octomed.view.pages import Shown, is_revealed, number_in
from octomed.view.source_row import shown_in_browsers

if TYPE_CHECKING:
    from starlette.requests import Request

    from octomed.view.packs import Pack
    from octomed.view.run import OpenRun


def _pack(request: Request, run: OpenRun) -> Pack:
    return read_pack(run, str(request.path_params["stream"]), number_in(request, "pack"))


def pack(request: Request, run: OpenRun) -> Shown:
    """Show a packed row as the model sees it."""
    found = _pack(request, run)
    revealed = is_revealed(request)
    lengths = found.content.lengths
    first = number_in(request, "document", 0)
    if first >= len(lengths):
        raise RecipeError(f"the pack has no document {first}", f"its documents are 0 to {len(lengths) - 1}")
    documents = list(documents_of(run, found, first, revealed=revealed))
    after = documents[-1].number + 1
    vision = run.file.vision
    values = {
        "pack": found,
        "packs": run.file.streams[found.stream].packs,
        "documents": documents,
        "of": len(lengths),
        "after": after if after < len(lengths) else None,
        "tokens": len(found.content.input_ids),
        "capacity": run.file.capacity,
        "merge": vision.merge_size if vision else 1,
        "patch": vision.patch_size if vision else 1,
        "revealed": revealed,
        "streams": list(run.file.streams),
    }
    return Shown("pack.html", f"{found.stream} pack {found.number}", values)


def positions(request: Request, run: OpenRun) -> Response:
    """Answer with the id, the label and the positions of each token, for who points at one."""
    found = _pack(request, run)
    hidden = {number for number, row in enumerate(found.rows) if run.hides(row)}
    ids, labels = list(found.content.input_ids), found.labels.tolist()
    if hidden and not is_revealed(request):
        begin = 0
        for number, length in enumerate(found.content.lengths):
            if number in hidden:  # ids are a text as well
                ids[begin : begin + length] = [-1] * length
                labels[begin : begin + length] = [-1] * length
            begin += length
    values = {"ids": ids, "labels": labels, "positions": found.positions.tolist()}
    return Response(json.dumps(values, separators=(",", ":")), media_type="application/json")


def image(request: Request, run: OpenRun) -> Response:
    """Answer with an image of a pack, as it is stored."""
    found, number = _pack(request, run), number_in(request, "image")
    if number >= len(found.content.images):
        raise RecipeError(f"the pack has no image {number}", f"it has {len(found.content.images)}")
    if not is_revealed(request) and _is_hidden(run, found, number):
        return Response(status_code=403)
    data = found.content.images[number]
    name, height, width = header_of(data)
    view = ImageView("", 0, height, width, (0, 0), 0, name, len(data), data=data)
    content, kind = shown_in_browsers(view)
    return Response(content, media_type=kind)


def _is_hidden(run: OpenRun, pack: Pack, image: int) -> bool:
    """Tell whether an image belongs to documents alone that are shown only when that is asked for."""
    refs = list(pack.content.image_refs)
    shown_by = []
    for row in pack.rows:
        count = len(row.get("images") or ())
        shown_by.append(image in refs[:count])
        refs = refs[count:]
    return all(run.hides(row) for row, shows in zip(pack.rows, shown_by, strict=True) if shows)
