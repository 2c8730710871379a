/** How Envoy writes the types of a principal: RFC 4514 section 3, and what certificates of banks use besides. */
export const principalNames: ReadonlyMap<string, string> = new Map([
  ['2.5.4.3', 'CN'],
  ['2.5.4.4', 'SN'],
  ['2.5.4.5', 'serialNumber'],
  ['2.5.4.6', 'C'],
  ['2.5.4.7', 'L'],
  ['2.5.4.8', 'ST'],
  ['2.5.4.9', 'street'],
  ['2.5.4.10', 'O'],
  ['2.5.4.11', 'OU'],
  ['2.5.4.12', 'title'],
  ['2.5.4.42', 'GN'],
  ['2.5.4.97', 'organizationIdentifier'],
  ['0.9.2342.19200300.100.1.1', 'UID'],
  ['0.9.2342.19200300.100.1.25', 'DC'],
  ['1.2.840.113549.1.9.1', 'emailAddress'],
])

/** The name of a type in our own texts. */
export const nameOfType: ReadonlyMap<string, string> = new Map([
  ...principalNames,
  ['2.5.4.15', 'businessCategory'],
  ['2.5.4.17', 'postalCode'],
  ['1.3.6.1.4.1.311.60.2.1.3', 'jurisdictionC'],
])

export const ORGANIZATION_IDENTIFIER = '2.5.4.97'

/** The longer names that X.520 gives to some of them. */
const longNames: readonly (readonly [string, string])[] = [
  ['commonName', '2.5.4.3'],
  ['surname', '2.5.4.4'],
  ['countryName', '2.5.4.6'],
  ['localityName', '2.5.4.7'],
  ['stateOrProvinceName', '2.5.4.8'],
  ['streetAddress', '2.5.4.9'],
  ['organizationName', '2.5.4.10'],
  ['organizationalUnitName', '2.5.4.11'],
  ['givenName', '2.5.4.42'],
  ['userId', '0.9.2342.19200300.100.1.1'],
  ['domainComponent', '0.9.2342.19200300.100.1.25'],
  ['jurisdictionCountryName', '1.3.6.1.4.1.311.60.2.1.3'],
]

/** Names in lower case, as no case distinguishes them (RFC 4512 section 2.5). */
const types: ReadonlyMap<string, string> = new Map(
  [...[...nameOfType].map(([oid, name]) => [name, oid] as const), ...longNames]
    .filter(([name]) => name !== 'SN')
    .map(([name, oid]) => [name.toLowerCase(), oid]),
)

/**
 * The OID that a configuration means by a name or a dotted OID; undefined when it is neither. SN is none: to some it is
 * the surname, to others the serial number.
 */
export const typeOf = (written: string): string | undefined =>
  isOid(written) ? written : types.get(written.toLowerCase())

const isOid = (text: string): boolean =>
  text.length <= 128 &&
  /^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9][0-9]{0,15}))(?:\.(?:0|[1-9][0-9]{0,15}))+$/.test(text)
