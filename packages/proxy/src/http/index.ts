/** Framing of HTTP/1.1 and writing under back-pressure, for other rooms that read or rewrite requests. */
export { Outlet } from "../outlet";
export { BodyScanner, FramingError } from "./framing";
export { findRequestEnd, parseRequestHead, type RequestHead } from "./head";
export { requestFraming, wantedUpgrade, writeRequestHead } from "./message";
