/** The `metadata` filter of lists: encoded twice inside an already encoded query value (behaviour §1.6). */
import { requestFaults } from "./faults";

export type Metadata = Readonly<Record<string, string>>;

function unescapePart(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch (thrown) {
    throw requestFaults.bad_metadata_filter({ why: "a percent escape is malformed" }, thrown);
  }
}

/**
 * @param value the query value after the query string itself was decoded
 * @throws Fault `request_bad_metadata_filter`
 */
export function parseMetadataFilter(value: string): Metadata {
  const filter: Record<string, string> = Object.create(null);
  for (const pair of unescapePart(value).split("&")) {
    const [key, wanted, ...rest] = pair.split("=");
    if (key === undefined || key === "" || wanted === undefined || rest.length > 0) {
      throw requestFaults.bad_metadata_filter({ why: "it must be key=value pairs joined by &" });
    }
    filter[unescapePart(key)] = unescapePart(wanted);
  }
  return filter;
}

/** All pairs must match exactly. */
export function matchesMetadata(metadata: Metadata, filter: Metadata): boolean {
  return Object.entries(filter).every(([key, wanted]) => Object.hasOwn(metadata, key) && metadata[key] === wanted);
}
