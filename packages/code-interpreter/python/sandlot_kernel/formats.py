"""Extra representations of results: a table's columns, a figure's chart, and randomness of one's own after a clone."""

import random
import sys

from .charts import chart_of
from .values import plain

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

        # Not registered by type: the inline backend takes such registrations of figures away when it sets its own.
        def __call__(self, shown):
            return figure_chart(shown) if is_figure(shown) else None

    formatters = shell.display_formatter.formatters
    formatters[DATA] = DataFormatter(parent=shell.display_formatter)
    formatters[DATA].for_type_by_name("pandas.core.frame", "DataFrame", table_data)
    formatters[CHART] = ChartFormatter(parent=shell.display_formatter)
    shell.user_ns_hidden["__sandlot_reseed__"] = reseed
    shell.user_ns["__sandlot_reseed__"] = reseed


def table_data(frame):
    """Column by column, in plain JSON. Tables too large to be looked at are left to their text and HTML."""
    if frame.size > 100_000:
        return None
    return {str(name): [plain(value) for value in frame.iloc[:, i].tolist()] for i, name in enumerate(frame.columns)}


def is_figure(shown):
    figures = sys.modules.get("matplotlib.figure")
    return figures is not None and isinstance(shown, figures.Figure)


def figure_chart(figure):
    """None for a figure that charts do not know: its picture is shown all the same."""
    try:
        return chart_of(figure)
    except Exception as error:
        print(f"no chart of this figure: {error!r}", file=sys.__stderr__)
        return None


def reseed():
    """Two sandboxes from one snapshot must not draw the same numbers."""
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()
