/** JSON lines on standard output: the template's start command has them in its log. */
export type Log = (message: string, fields?: Readonly<Record<string, unknown>>) => void;

export const lineLog =
  (write: (line: string) => void): Log =>
  (message, fields = {}) =>
    write(
      `${JSON.stringify({ time: new Date().toISOString(), logger: "code-interpreter", ...fields, msg: message })}\n`,
    );
