/** Every bound of this server, with unit and reason. */

/** A quiet execution still sends a line this often, so that nobody on the way takes the connection for dead. */
export const KEEPALIVE_GAP_MS = 5_000;

/** A kernel on a busy machine takes seconds to import what it needs; Java's is the slowest. */
export const KERNEL_READY_WITHIN_MS = 60_000;

/** How long code may ignore an interrupt before its kernel is started afresh, with the loss of its variables. */
export const INTERRUPT_PATIENCE_MS = 20_000;

/** How long a kernel has to end when asked. */
export const KERNEL_GRACE_MS = 2_000;

/** Output that a slow reader has not taken yet, per execution. Kernels drop messages when we do not read: so this is the end. */
export const UNREAD_OUTPUT_BYTES = 64 * 1024 * 1024;

/** One message of a kernel; a figure or a table rarely has a megabyte. */
export const MESSAGE_BYTES = 256 * 1024 * 1024;

/** Each is a process of its own with tens of megabytes. */
export const CONTEXTS = 64;

/** Code, as JSON. */
export const REQUEST_BYTES = 64 * 1024 * 1024;

/** Between the deaths of a kernel and its new start, growing, so that one that cannot live takes no processor. */
export const RESTART_GAPS_MS = [0, 200, 1_000, 5_000, 15_000] as const;

/** envd is on the same machine; a longer silence means that there is none. */
export const ENVS_WITHIN_MS = 2_000;
