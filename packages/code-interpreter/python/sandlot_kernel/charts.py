"""What a Matplotlib figure shows, as the data that clients draw it from again."""

import re

from .values import plain


def chart_of(figure):
    """None for a figure that has nothing in it."""
    axes = [axis for axis in figure.get_axes() if axis.has_data()]
    charts = [axis_chart(axis) for axis in axes]
    if not charts:
        return None
    if len(charts) == 1:
        return charts[0]
    suptitle = figure._suptitle.get_text() if figure._suptitle is not None else ""
    return {"type": "superchart", "title": suptitle, "elements": charts}


def axis_chart(axis):
    from matplotlib.collections import PathCollection
    from matplotlib.patches import Wedge

    wedges = [patch for patch in axis.patches if isinstance(patch, Wedge)]
    if wedges:
        return {"type": "pie", "title": axis.get_title(), "elements": pie_slices(axis, wedges)}
    boxes = box_elements(axis)
    if boxes:
        return {"type": "box_and_whisker", **labels(axis), "elements": boxes}
    if any(bars_of(axis)):
        return {"type": "bar", **labels(axis), "elements": bar_elements(axis)}
    lines = [line for line in axis.lines if len(line.get_xdata()) > 0]
    if lines:
        return {"type": "line", **labels(axis), **scales(axis), "elements": line_elements(axis, lines)}
    scatters = [item for item in axis.collections if isinstance(item, PathCollection)]
    if scatters:
        return {"type": "scatter", **labels(axis), **scales(axis), "elements": scatter_elements(axis, scatters)}
    return {"type": "unknown", "title": axis.get_title(), "elements": []}


def labels(axis):
    return {
        "title": axis.get_title(),
        "x_label": axis.get_xlabel(),
        "y_label": axis.get_ylabel(),
        "x_unit": unit_in(axis.get_xlabel()),
        "y_unit": unit_in(axis.get_ylabel()),
    }


def unit_in(label):
    """`Time (s)` is in s."""
    found = re.search(r"[(\[]([^()\[\]]+)[)\]]\s*$", label or "")
    return found.group(1) if found else None


def scales(axis):
    return {**scale_of("x", axis.xaxis, axis.get_xscale()), **scale_of("y", axis.yaxis, axis.get_yscale())}


def scale_of(name, side, scale):
    kind = "datetime" if is_datetime(side) else "categorical" if is_categorical(side) else scale
    ticks = [tick_value(side, tick) for tick in side.get_ticklocs()]
    texts = [tick.get_text() for tick in side.get_ticklabels()]
    return {f"{name}_ticks": ticks, f"{name}_tick_labels": texts, f"{name}_scale": kind}


def is_datetime(side):
    from matplotlib.dates import DateConverter, _SwitchableDateConverter

    return isinstance(side.converter, (DateConverter, _SwitchableDateConverter))


def is_categorical(side):
    from matplotlib.category import StrCategoryConverter

    return isinstance(side.converter, StrCategoryConverter)


def tick_value(side, value):
    if is_datetime(side):
        from matplotlib.dates import num2date

        return num2date(value).isoformat()
    return plain(value)


def point_value(side, value):
    if is_datetime(side) and not isinstance(value, str):
        from matplotlib.dates import date2num, num2date

        number = value if isinstance(value, (int, float)) else date2num(value)
        return num2date(number).isoformat()
    return plain(value)


def label_of(item):
    """Matplotlib's own names begin with an underscore: they are nobody's label."""
    text = str(item.get_label())
    return "" if text.startswith("_") else text


def points_of(axis, xs, ys):
    return [[point_value(axis.xaxis, x), point_value(axis.yaxis, y)] for x, y in zip(xs, ys)]


def line_elements(axis, lines):
    return [{"label": label_of(line), "points": points_of(axis, line.get_xdata(), line.get_ydata())} for line in lines]


def scatter_elements(axis, scatters):
    elements = []
    for item in scatters:
        offsets = item.get_offsets()
        elements.append({"label": label_of(item), "points": points_of(axis, offsets[:, 0], offsets[:, 1])})
    return elements


def bars_of(axis):
    from matplotlib.container import BarContainer

    return [item for item in axis.containers if isinstance(item, BarContainer)]


def bar_elements(axis):
    """Bars stand over tick labels; each drawn set is a group."""
    elements = []
    for group in bars_of(axis):
        is_level = group.orientation == "horizontal"
        side = axis.yaxis if is_level else axis.xaxis
        names = names_by_place(side)
        for bar in group.patches:
            place = bar.get_y() + bar.get_height() / 2 if is_level else bar.get_x() + bar.get_width() / 2
            value = bar.get_width() if is_level else bar.get_height()
            elements.append({"label": name_at(names, side, place), "group": label_of(group), "value": plain(value)})
    return elements


def names_by_place(side):
    return [(float(place), text.get_text()) for place, text in zip(side.get_ticklocs(), side.get_ticklabels())]


def name_at(names, side, place):
    """The label under a bar: nearest one within half a step, for bars of a group stand beside it."""
    near = [(abs(at - place), text) for at, text in names if text and abs(at - place) <= 0.5]
    if near:
        return min(near)[1]
    return str(tick_value(side, float(place)))


def pie_slices(axis, wedges):
    texts = [text.get_text() for text in axis.texts if text.get_text() and not text.get_text().endswith("%")]
    slices = []
    for i, wedge in enumerate(wedges):
        name = label_of(wedge) or (texts[i] if i < len(texts) else "")
        slices.append({"label": name, "angle": plain(abs(wedge.theta2 - wedge.theta1)), "radius": plain(wedge.r)})
    return slices


def box_elements(axis):
    """A box is drawn as five lines or a patch and its lines; Matplotlib keeps no more than that, so it is read back."""
    boxes = [line for line in axis.lines if len(line.get_xdata()) == 5 and is_closed_box(line)]
    patches = [patch for patch in axis.patches if type(patch).__name__ == "PathPatch"]
    shapes = [(line.get_xdata(), line.get_ydata()) for line in boxes]
    shapes += [(patch.get_path().vertices[:, 0], patch.get_path().vertices[:, 1]) for patch in patches]
    if not shapes:
        return []
    names = names_by_place(axis.xaxis)
    return [box_element(axis, names, xs, ys) for xs, ys in shapes]


def is_closed_box(line):
    xs, ys = line.get_xdata(), line.get_ydata()
    return xs[0] == xs[4] and ys[0] == ys[4] and len(set(map(float, xs))) == 2 and len(set(map(float, ys))) == 2


def box_element(axis, names, xs, ys):
    left, right = float(min(xs)), float(max(xs))
    first, third = float(min(ys)), float(max(ys))
    middle = (left + right) / 2
    ends, outliers, median = [first, third], [], (first + third) / 2
    for line in axis.lines:
        lx, ly = [float(x) for x in line.get_xdata()], [float(y) for y in line.get_ydata()]
        if not lx or min(lx) < left - 1e-9 or max(lx) > right + 1e-9:
            continue
        if line.get_linestyle() in ("None", "none", "", " "):
            outliers += ly
        elif len(lx) == 2 and lx[0] == lx[1] == middle:
            ends += ly
        elif len(lx) == 2 and ly[0] == ly[1] and first <= ly[0] <= third and abs(lx[1] - lx[0]) > 0.9 * (right - left):
            median = ly[0]
    return {
        "label": name_at(names, axis.xaxis, middle),
        "min": min(ends),
        "first_quartile": first,
        "median": median,
        "third_quartile": third,
        "max": max(ends),
        "outliers": outliers,
    }
