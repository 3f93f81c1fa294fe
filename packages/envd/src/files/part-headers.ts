/** Values like `form-data; name="file"; filename="a/b.txt"`: RFC 2183, with RFC 5987 for other alphabets. */

export type HeaderValue = { readonly value: string; readonly parameters: ReadonlyMap<string, string> };

const PARAMETER = /;\s*([^\s=;]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;]*))/g;

/** An extended parameter (`filename*`) stands under the plain name and wins over it. */
export function parseHeaderValue(text: string): HeaderValue {
  const parameters = new Map<string, string>();
  const extended = new Map<string, string>();
  for (const [, rawName = "", quoted, bare] of text.matchAll(PARAMETER)) {
    const name = rawName.toLowerCase();
    const value = quoted === undefined ? (bare ?? "").trim() : unescapeQuoted(quoted);
    if (name.endsWith("*")) {
      const decoded = decodeExtended(value);
      if (decoded !== undefined) extended.set(name.slice(0, -1), decoded);
    } else if (!parameters.has(name)) parameters.set(name, value);
  }
  for (const [name, value] of extended) parameters.set(name, value);
  return { value: (text.split(";", 1)[0] ?? "").trim().toLowerCase(), parameters };
}

/** A backslash stands for itself unless it escapes a quote or itself: some clients send Windows paths unescaped. */
function unescapeQuoted(text: string): string {
  return text.replaceAll(/\\(["\\])/g, "$1");
}

function decodeExtended(text: string): string | undefined {
  const encoded = /^utf-8'[^']*'(.*)$/i.exec(text)?.[1];
  if (encoded === undefined) return undefined;
  try {
    return decodeURIComponent(encoded);
  } catch {
    return undefined;
  }
}
