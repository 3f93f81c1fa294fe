/** Names and values that can stand in a process's environment at all. */
import { sandboxFaults } from "./faults";

/** @throws Fault `sandbox_bad_env_var` */
export function checkEnvVars(envVars: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(envVars)) {
    if (name === "") throw sandboxFaults.bad_env_var({ name, why: "the name is empty" });
    if (/[=\0]/.test(name))
      throw sandboxFaults.bad_env_var({ name: name.slice(0, 64), why: "the name has = or NUL in it" });
    if (value.includes("\0"))
      throw sandboxFaults.bad_env_var({ name: name.slice(0, 64), why: "the value has NUL in it" });
  }
}
