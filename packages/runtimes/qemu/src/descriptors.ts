/** Descriptors that QEMU finds open; the same numbers stand in `launcher/config.h`. */
export const TAP_FD = 10;
export const QMP_FD = 11;
export const AGENT_FD = 12;
export const NOTICE_FD = 13;
export const CONSOLE_FD = 14;
/** Device state of a seal, read once; only there when a machine is restored. */
export const RESTORE_FD = 15;
/** The first file of `OpenFiles`, the rest after it. */
export const FIRST_FILE_FD = 20;

export type OpenFile = { readonly path: string; readonly mode: "ro" | "rw" };

/** Files that the launcher opens as root and QEMU knows by number alone. */
export class OpenFiles {
  readonly #files: OpenFile[] = [];

  /** @returns the name under which QEMU opens it */
  add(file: OpenFile): string {
    this.#files.push(file);
    return `/dev/fdset/${FIRST_FILE_FD + this.#files.length - 1}`;
  }

  get all(): readonly OpenFile[] {
    return this.#files;
  }
}
