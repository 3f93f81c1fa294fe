/** Structured logs. Loggers are made in `start.ts` and handed in; names are `service.room`. */
import pino from "pino";

export type LogFields = Readonly<Record<string, unknown>>;

/** Messages are constant, what varies is in fields. error needs a person, warn may come to, info is life-cycle. */
export type Logger = {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  room(name: string): Logger;
};

export type LogLevel = "error" | "warn" | "info" | "debug" | "silent";

/** JSON lines on standard output; an Error under `thrown` is written with type, message and stack. */
export function startLogger(service: string, level: LogLevel = "info"): Logger {
  const root = pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { thrown: (thrown) => (thrown instanceof Error ? pino.stdSerializers.err(thrown) : String(thrown)) },
  });
  const of = (name: string): Logger => {
    const child = root.child({ logger: name });
    return {
      error: (message, fields = {}) => child.error(fields, message),
      warn: (message, fields = {}) => child.warn(fields, message),
      info: (message, fields = {}) => child.info(fields, message),
      debug: (message, fields = {}) => child.debug(fields, message),
      room: (room) => of(`${name}.${room}`),
    };
  };
  return of(service);
}

/** For tests and tools that want no log. */
export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  room: () => silentLogger,
};
