// The long form of F6.
import { writeStorm } from "../faults/f6-write-storm.mjs";

writeStorm(1_000, { checkEvery: 50 });
