import { type Reading, read } from '../reading.ts'
import { type Crl, readCrlHeader, withIndex } from './crl.ts'
import { indexRevoked, type RevokedIndex } from './crl-entries.ts'
import { readPem } from './pem.ts'

/** A list whose entries have been checked, in a form that goes from one thread to another. */
export interface IndexedCrl {
  readonly der: Buffer
  readonly index: RevokedIndex
}

/** Lists in one file. */
const MAX_LISTS = 16

/** Reads what a file or a server gave: one list in DER, or one or more in PEM. Never throws. */
export function indexLists(bytes: Buffer): Reading<readonly IndexedCrl[]> {
  // A SEQUENCE begins with a character that no PEM begins with, text in front of it included.
  const isDer = bytes[0] === 0x30 && bytes[1] !== undefined && bytes[1] >= 0x80
  const ders = isDer ? read([bytes]) : readPem(bytes.toString('latin1'), 'X509 CRL', MAX_LISTS)
  if (!ders.ok) return ders
  const lists: IndexedCrl[] = []
  for (const der of ders.value) {
    const header = readCrlHeader(der)
    if (!header.ok) return header
    const index = indexRevoked(der, header.value.revoked)
    if (!index.ok) return index
    lists.push({ der, index: index.value })
  }
  return read(lists)
}

/** A list that was indexed, ready to be looked up in. */
export function openList({ der, index }: IndexedCrl): Reading<Crl> {
  const header = readCrlHeader(der)
  return header.ok ? read(withIndex(header.value, index)) : header
}
