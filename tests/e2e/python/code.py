"""The published code interpreter's Python client on a sandbox that is there: `code.py SANDBOX_ID` prints what it saw, as JSON."""

import asyncio
import json
import sys

from e2b_code_interpreter import AsyncSandbox, Sandbox

CHART = "import matplotlib.pyplot as plt\nplt.bar(['one', 'two'], [3, 4], label='g')\nplt.show()"


def chart_of(execution):
    (chart,) = [result.chart for result in execution.results if result.chart is not None]
    return [type(chart).__name__, [(bar.label, bar.group, bar.value) for bar in chart.elements]]


def with_sync(sandbox_id):
    sandbox = Sandbox.connect(sandbox_id)
    lines = []
    execution = sandbox.run_code("print('out')\n41 + 1", on_stdout=lambda message: lines.append([message.line, message.timestamp > 1e18]))
    context = sandbox.create_code_context(cwd="/tmp")
    inside = sandbox.run_code("import os; os.getcwd()", context=context).text
    sandbox.remove_code_context(context)
    try:
        sandbox.run_code("import time; time.sleep(30)", timeout=0.5)
        timed_out = None
    except Exception as error:
        timed_out = type(error).__name__
    return {
        "text": execution.text,
        "lines": lines,
        "error": sandbox.run_code("1/0").error.name,
        "envs": sandbox.run_code("import os; os.environ['A']", envs={"A": "b"}).text,
        "cwd": inside,
        "timed_out": timed_out,
        "chart": chart_of(sandbox.run_code(CHART)),
        "again": sandbox.run_code("1 + 1").text,
    }


async def with_async(sandbox_id):
    sandbox = await AsyncSandbox.connect(sandbox_id)
    execution = await sandbox.run_code("'async'")
    return {"text": execution.text, "chart": chart_of(await sandbox.run_code(CHART))}


print(json.dumps({"sync": with_sync(sys.argv[1]), "async": asyncio.run(with_async(sys.argv[1]))}))
