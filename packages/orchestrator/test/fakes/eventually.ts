/** Waits until `holds` does. What never comes is told late, so that a busy machine is not taken for it. */
export async function eventually(holds: () => boolean, withinMs = 30_000): Promise<void> {
  const untilMs = Date.now() + withinMs;
  while (!holds()) {
    if (Date.now() > untilMs) throw new Error("it never came to hold");
    await Bun.sleep(5);
  }
}
