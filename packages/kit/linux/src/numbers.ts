/** System call numbers by machine. Source: the kernel's own tables for x86-64 and arm64. */

/** [x64, arm64] */
const NUMBERS = {
  read: [0, 63],
  write: [1, 64],
  close: [3, 57],
  fstat: [5, 80],
  ioctl: [16, 29],
  socket: [41, 198],
  fcntl: [72, 25],
  ftruncate: [77, 46],
  fchown: [93, 55],
  umask: [95, 166],
  getgroups: [115, 158],
  setgroups: [116, 159],
  setresuid: [117, 147],
  setresgid: [119, 149],
  setfsuid: [122, 151],
  setfsgid: [123, 152],
  statfs: [137, 43],
  getpriority: [140, 141],
  setpriority: [141, 140],
  prctl: [157, 167],
  sethostname: [170, 161],
  setxattr: [188, 5],
  lsetxattr: [189, 6],
  fsetxattr: [190, 7],
  getxattr: [191, 8],
  lgetxattr: [192, 9],
  fgetxattr: [193, 10],
  listxattr: [194, 11],
  llistxattr: [195, 12],
  flistxattr: [196, 13],
  removexattr: [197, 14],
  lremovexattr: [198, 15],
  fremovexattr: [199, 16],
  getdents64: [217, 61],
  clock_settime: [227, 112],
  clock_gettime: [228, 113],
  ioprio_set: [251, 30],
  ioprio_get: [252, 31],
  inotify_add_watch: [254, 27],
  inotify_rm_watch: [255, 28],
  openat: [257, 56],
  mkdirat: [258, 34],
  fchownat: [260, 54],
  newfstatat: [262, 79],
  unlinkat: [263, 35],
  readlinkat: [267, 78],
  ppoll: [271, 73],
  utimensat: [280, 88],
  fallocate: [285, 47],
  dup3: [292, 24],
  pipe2: [293, 59],
  inotify_init1: [294, 26],
  renameat2: [316, 276],
  copy_file_range: [326, 285],
  statx: [332, 291],
  pidfd_send_signal: [424, 424],
  pidfd_open: [434, 434],
  openat2: [437, 437],
  faccessat2: [439, 439],
} as const satisfies Record<string, readonly [x64: number, arm64: number]>;

export type SyscallName = keyof typeof NUMBERS;

/** @throws Error on a machine that is neither x64 nor arm64 */
export function syscallNumber(name: SyscallName): number {
  if (process.arch === "x64") return NUMBERS[name][0];
  if (process.arch === "arm64") return NUMBERS[name][1];
  throw new Error(`no system call numbers for ${process.arch}`);
}
