/** The one protocol spoken on intercepted connections, as TLS lists it: its length before its name. */
export const HTTP_1_1 = Buffer.from("\x08http/1.1", "latin1");
