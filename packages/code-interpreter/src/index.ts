export { type CodeInterpreterConfig, codeInterpreterConfig } from "./config";
export { lineLog } from "./log";
export { type CodeInterpreter, startCodeInterpreter } from "./start";
