// What the benchmarks share: time keeping, quantiles, and rows that `run.mjs` gathers into one table.
import { appendFileSync } from "node:fs";

export const quantile = (values, q) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * q))];

export async function timed(work) {
  const start = performance.now();
  const value = await work();
  return { value, ms: performance.now() - start };
}

/** One measured number beside what was promised. `atMost` and `atLeast` are the promise; neither: for information. */
export function report({ name, value, unit, atMost, atLeast, note = "" }) {
  const isKept = atMost !== undefined ? value <= atMost : atLeast !== undefined ? value >= atLeast : undefined;
  const promise = atMost !== undefined ? `<= ${atMost}` : atLeast !== undefined ? `>= ${atLeast}` : "";
  const verdict = isKept === undefined ? "" : isKept ? "kept" : "MISSED";
  const row = { name, value: Math.round(value * 10) / 10, unit, promise, verdict, note };
  console.log(
    `${name.padEnd(52)} ${String(row.value).padStart(9)} ${unit.padEnd(5)} ${promise.padEnd(8)} ${verdict} ${note}`,
  );
  if (process.env.BENCH_ROWS) appendFileSync(process.env.BENCH_ROWS, `${JSON.stringify(row)}\n`);
}

export function reportTimes({ name, times, p50, p99 }) {
  report({ name: `${name}, p50`, value: quantile(times, 0.5), unit: "ms", atMost: p50, note: `n=${times.length}` });
  if (times.length >= 50) report({ name: `${name}, p99`, value: quantile(times, 0.99), unit: "ms", atMost: p99 });
}

/** Promises in flight bounded, results in order. */
export async function mapBounded(items, width, work) {
  const results = new Array(items.length);
  let next = 0;
  const worker = async () => {
    for (let at = next++; at < items.length; at = next++) results[at] = await work(items[at], at);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
