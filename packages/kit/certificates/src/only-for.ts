import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import { Extension } from "@peculiar/x509";

/** Names below the domain; no address of either kind. RFC 5280 name constraints, critical. */
export function onlyFor(domain: string): Extension {
  const addresses = (range: string) => new GeneralSubtree({ base: new GeneralName({ iPAddress: range }) });
  const constraints = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees([new GeneralSubtree({ base: new GeneralName({ dNSName: domain }) })]),
    excludedSubtrees: new GeneralSubtrees([addresses("0.0.0.0/0"), addresses("::/0")]),
  });
  return new Extension(id_ce_nameConstraints, true, AsnConvert.serialize(constraints));
}
