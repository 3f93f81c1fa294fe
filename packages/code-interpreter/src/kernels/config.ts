/** Where the kernels' programs are, and where kernels live. */
export type KernelConfig = {
  readonly python: string;
  readonly deno: string;
  readonly r: string;
  readonly java: string;
  /** Where JJava's package from PyPI puts its jars. */
  readonly javaKernelDir: string;
  /** What ships with this server: the Python parts. */
  readonly libraryDir: string;
  /** Connection files and sockets; made 0700, emptied at start. */
  readonly runDir: string;
};
