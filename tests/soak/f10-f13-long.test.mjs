// The long forms of F10 (500 creates at once) and F13 (10,000 sandboxes come and go).
process.env.SANDLOT_SOAK = "1";
await import("../faults/f8-f10-creates.test.mjs");
await import("../faults/f13-come-and-go.test.mjs");
