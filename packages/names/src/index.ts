export { type AcmeConfig, HttpChallenges } from "./acme";
export { type Authority, authorityBase, ensureAuthority } from "./authority";
export { type Certificates, type CertificatesConfig, openCertificates } from "./certificates";
export { namesFaults } from "./faults";
export { type NameServer, type NameServerConfig, startNameServer } from "./name-server";
