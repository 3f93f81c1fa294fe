/** Every bound of SSH into sandboxes. */
export const limits = {
  /** Clients that have not shown a key yet; further ones are closed. */
  strangers: 64,
  /** How long a client may take to show one. */
  loginMs: 30_000,
  /** Keys that a client may try. */
  keyTries: 10,
  connections: 1_000,
  /** Shells, commands, transfers and forwarded connections of one client at once. */
  channels: 64,
  /** Variables that a client may set for a program, and the bytes of one. */
  variables: 64,
  variableBytes: 4_096,
  /** Between two signs of life; a client that misses three is gone. */
  keepaliveMs: 20_000,
  keepalives: 3,
  /** SFTP: open files and directories of one client. */
  handles: 256,
  /** Read ahead at a time, and how many such pieces a file keeps. */
  readPieceBytes: 1024 * 1024,
  readPieces: 4,
  /** Writes that came before those that go before them. */
  heldBytes: 8 * 1024 * 1024,
  /** Names in one answer to a listing. */
  namesPerAnswer: 100,
  /** Output of a small program that is kept, for its error message. */
  messageBytes: 4_096,
} as const;
