"""Extra representations of results: a table's columns, a figure's chart, and randomness of one's own after a clone."""

import datetime
import math
import random
import sys

DATA = "application/vnd.sandlot.data+json"
CHART = "application/vnd.sandlot.chart+json"


def install(shell):
    from IPython.core.formatters import BaseFormatter
    from traitlets import ObjectName, Unicode

    class DataFormatter(BaseFormatter):
        format_type = Unicode(DATA)
        print_method = ObjectName("_repr_sandlot_data_")
        _return_type = dict

    class ChartFormatter(BaseFormatter):
        format_type = Unicode(CHART)
        print_method = ObjectName("_repr_sandlot_chart_")
        _return_type = dict

    formatters = shell.display_formatter.formatters
    formatters[DATA] = DataFormatter(parent=shell.display_formatter)
    formatters[DATA].for_type_by_name("pandas.core.frame", "DataFrame", table_data)
    formatters[CHART] = ChartFormatter(parent=shell.display_formatter)
    formatters[CHART].for_type_by_name("matplotlib.figure", "Figure", figure_chart)
    shell.user_ns_hidden["__sandlot_reseed__"] = reseed
    shell.user_ns["__sandlot_reseed__"] = reseed


def table_data(frame):
    """Column by column, in plain JSON. Tables too large to be looked at are left to their text and HTML."""
    if frame.size > 100_000:
        return None
    return {str(name): [plain(value) for value in frame.iloc[:, i].tolist()] for i, name in enumerate(frame.columns)}


def figure_chart(figure):
    import charts

    return charts.chart_of(figure)


def plain(value):
    """A value as JSON has it: dates as ISO texts, what is no number as nothing, the rest as its text."""
    if value is None or isinstance(value, (bool, str, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        text = value.isoformat()
        return None if text == "NaT" else text
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        return plain(value.item())
    return str(value)


def reseed():
    """Two sandboxes from one snapshot must not draw the same numbers."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
