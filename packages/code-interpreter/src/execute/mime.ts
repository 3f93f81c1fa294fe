/** Representations of a result, from the kernels' media types to the names that clients know. Pure. */

const NAMES: Readonly<Record<string, string>> = {
  "text/plain": "text",
  "text/html": "html",
  "text/markdown": "markdown",
  "text/latex": "latex",
  "image/svg+xml": "svg",
  "image/png": "png",
  "image/jpeg": "jpeg",
  "application/pdf": "pdf",
  "application/json": "json",
  "application/javascript": "javascript",
  // Ours: python/formats.py makes them.
  "application/vnd.sandlot.data+json": "data",
  "application/vnd.sandlot.chart+json": "chart",
};

export type ResultLine = {
  readonly type: "result";
  readonly is_main_result: boolean;
  readonly [name: string]: unknown;
};

/** What no client has a name for goes into `extra`, and beside it, where the JavaScript client looks for it. */
export function resultLine(data: Readonly<Record<string, unknown>>, isMainResult: boolean): ResultLine {
  const known: Record<string, unknown> = {};
  const extra: Record<string, unknown> = {};
  for (const [type, value] of Object.entries(data)) {
    const name = NAMES[type];
    if (name === undefined) extra[type] = plainText(value);
    else known[name] = name === "text" ? withoutQuotes(String(plainText(value))) : plainText(value);
  }
  const rest = Object.keys(extra).length > 0 ? { ...extra, extra } : {};
  // Last, so that no media type can stand for them.
  return { ...rest, ...known, type: "result", is_main_result: isMainResult };
}

/** Jupyter allows texts as lists of lines. */
function plainText(value: unknown): unknown {
  return Array.isArray(value) && value.every((part) => typeof part === "string") ? value.join("") : value;
}

/** `'hello'` is how languages show a text; clients want the text. */
export function withoutQuotes(text: string): string {
  const first = text[0];
  const isQuoted = text.length >= 2 && (first === "'" || first === '"') && text.endsWith(first);
  return isQuoted ? text.slice(1, -1) : text;
}
