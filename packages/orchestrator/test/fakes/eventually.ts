/** Waits until `holds` does. */
export async function eventually(holds: () => boolean, withinMs = 5_000): Promise<void> {
  const untilMs = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > untilMs) throw new Error("it never came to hold");
    await Bun.sleep(5);
  }
}
