/** Certificate authorities of our own: made, opened, and the certificates that they issue. Where they are kept is their owner's. */
export { type CertifiedKey, type Issuer, makeAuthority, openIssuer } from "./authority";
