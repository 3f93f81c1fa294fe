import type { Connection, ServerChannel, Session } from "ssh2";
import type { Guest } from "./guest";
import { limits } from "./limits";
import { type RunningProcess, runProcess, type TerminalSize } from "./run-process";
import { serveSftp } from "./sftp/serve";
import { openTunnel } from "./tunnel";

const SELF = new Set(["localhost", "127.0.0.1", "::1"]);

/** What an accepted client may do: programs with or without a terminal, SFTP, and connections to ports of the sandbox. */
export function serveClient(client: Connection, guest: Guest): void {
  let open = 0;
  const admit = (channel: { once(event: "close", then: () => void): unknown }): void => {
    open += 1;
    channel.once("close", () => {
      open -= 1;
    });
  };
  client.on("session", (accept, reject) => {
    if (open >= limits.channels) return void reject();
    const session = accept();
    admit(session as unknown as ServerChannel);
    serveSession(session, guest);
  });
  client.on("tcpip", async (accept, reject, to) => {
    const isSelf = SELF.has(to.destIP) || to.destIP === guest.place.sandboxId;
    if (open >= limits.channels || !isSelf || to.destPort < 1 || to.destPort > 65_535) return void reject();
    const socket = await openTunnel(guest.place, to.destPort);
    if (socket === undefined) return void reject();
    const channel = accept();
    admit(channel);
    channel.on("error", () => socket.destroy());
    socket.on("error", () => channel.destroy());
    channel.once("close", () => socket.destroy());
    socket.once("close", () => channel.end());
    channel.pipe(socket);
    socket.pipe(channel);
  });
}

function serveSession(session: Session, guest: Guest): void {
  const variables: Record<string, string> = {};
  let terminal: TerminalSize | undefined;
  let running: RunningProcess | undefined;
  const start = (channel: ServerChannel, command: string | undefined): void => {
    running = runProcess(guest, channel, { command, terminal, variables });
  };
  session.on("env", (accept, reject, { key, val }) => {
    const isFine = /^[A-Za-z_][A-Za-z0-9_]*$/.test(key) && Buffer.byteLength(val) <= limits.variableBytes;
    if (!isFine || Object.keys(variables).length >= limits.variables) return void reject?.();
    variables[key] = val;
    accept?.();
  });
  session.on("pty", (accept, _reject, info) => {
    const { term } = info as unknown as { term?: string };
    terminal = sizeOf(info);
    if (term !== undefined && term !== "") variables.TERM = term;
    accept?.();
  });
  session.on("window-change", (accept, _reject, info) => {
    running?.resize(sizeOf(info));
    accept?.();
  });
  session.on("signal", (accept, _reject, { name }) => {
    running?.signal(name);
    accept?.();
  });
  session.on("shell", (accept) => start(accept(), undefined));
  session.on("exec", (accept, _reject, { command }) => start(accept(), command));
  session.on("sftp", (accept) => serveSftp(accept(), guest));
}

function sizeOf({ cols, rows }: { cols: number; rows: number }): TerminalSize {
  const within = (value: number, fallback: number): number => (value > 0 && value < 10_000 ? value : fallback);
  return { cols: within(cols, 80), rows: within(rows, 24) };
}
