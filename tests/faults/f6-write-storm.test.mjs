import { writeStorm } from "./f6-write-storm.mjs";

writeStorm(50, { checkEvery: 10 });
