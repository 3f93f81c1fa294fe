/** Whether a dotted version is at least another; unreadable parts count as zero. */
export function isAtLeast(version: string, wanted: string): boolean {
  const parts = (text: string): number[] =>
    text
      .replace(/^v/, "")
      .split(".")
      .map((part) => Number.parseInt(part, 10) || 0);
  const [have, need] = [parts(version), parts(wanted)];
  for (let i = 0; i < Math.max(have.length, need.length); i += 1) {
    const difference = (have[i] ?? 0) - (need[i] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}
