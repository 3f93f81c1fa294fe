/** Lines of a guest's output as log entries. Pure; whatever stands there, it becomes text in bounded fields. */
import { limits } from "../limits";

export type GuestLine = {
  readonly atMs: number;
  readonly level: "debug" | "info" | "warn" | "error";
  readonly logger: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, string>>;
};

const LEVELS = new Set(["debug", "info", "warn", "error"]);
const OWN = new Set(["level", "time", "logger", "msg"]);

/**
 * @param text whole lines; what follows the last line feed is not looked at
 * @param nowMs a line that claims a time outside the last `limits.guestClockSlackMs` gets this one
 */
export function readGuestLines(text: string, nowMs: number): GuestLine[] {
  return text
    .split("\n")
    .slice(0, -1)
    .filter((line) => line.trim() !== "")
    .map((line) => readLine(line, nowMs));
}

function readLine(line: string, nowMs: number): GuestLine {
  const parsed = line.length <= limits.guestLineChars * 4 ? parseObject(line) : undefined;
  if (parsed === undefined) return { atMs: nowMs, level: "info", logger: "init", message: cut(line), fields: {} };
  const claimedMs = typeof parsed.time === "string" ? Date.parse(parsed.time) : Number.NaN;
  const isNear = claimedMs <= nowMs && claimedMs > nowMs - limits.guestClockSlackMs;
  const fields = Object.entries(parsed).filter(([key]) => !OWN.has(key));
  return {
    atMs: isNear ? claimedMs : nowMs,
    level: LEVELS.has(String(parsed.level)) ? (parsed.level as GuestLine["level"]) : "info",
    logger: cut(typeof parsed.logger === "string" ? parsed.logger : "envd", 64),
    message: cut(typeof parsed.msg === "string" ? parsed.msg : ""),
    fields: Object.fromEntries(
      fields
        .slice(0, limits.guestLineFields)
        .map(([key, value]) => [cut(key, 64), cut(typeof value === "string" ? value : JSON.stringify(value), 512)]),
    ),
  };
}

function parseObject(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

/** PostgreSQL takes neither NUL nor half a surrogate pair, and one such line would spoil the batch it travels in. */
function cut(text: string, maxChars: number = limits.guestLineChars): string {
  const short = text.length <= maxChars ? text : `${text.slice(0, maxChars)}…`;
  return short.replaceAll("\0", "\ufffd").toWellFormed();
}
