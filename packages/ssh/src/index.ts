export { ensureHostKey } from "./host-key";
export { type SshConfig, type SshParts, type SshServer, startSsh } from "./start-ssh";
