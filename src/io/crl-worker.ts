import { parentPort } from 'node:worker_threads'
import { type Reading, read } from '../verify/reading.ts'
import type { Certificate } from '../verify/x509/certificate.ts'
import { readCrlHeader } from '../verify/x509/crl.ts'
import { type IndexedCrl, indexLists } from '../verify/x509/crl-lists.ts'
import { isListOf } from '../verify/x509/crl-status.ts'
import { isSignedWith } from '../verify/x509/signature.ts'

/** What is to be read, and whose lists there may be. Buffers arrive as arrays of octets. */
export interface CrlTask {
  readonly bytes: Uint8Array
  readonly issuers: readonly CrlIssuer[]
}
export type CrlIssuer = Pick<Certificate, 'subject' | 'key' | 'keyUsage'>

/** The lists with the memory they lie in, and whether the keys of those that they name as issuer signed them. */
export type CrlWork = Reading<readonly (IndexedCrl & { readonly signers: ReadonlyMap<string, boolean> })[]>

parentPort?.once('message', (task: CrlTask) => {
  const work = workOn(task)
  const memory = work.ok ? work.value.flatMap(({ der, index }) => [der.buffer, index.buffer] as ArrayBuffer[]) : []
  parentPort?.postMessage(work, memory)
})

function workOn({ bytes, issuers }: CrlTask): CrlWork {
  const lists = indexLists(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  if (!lists.ok) return lists
  return read(lists.value.map(({ der, index }) => ({ der: own(der), index, signers: signersOf(der, issuers) })))
}

function signersOf(der: Buffer, issuers: readonly CrlIssuer[]): ReadonlyMap<string, boolean> {
  const header = readCrlHeader(der)
  const named = header.ok ? issuers.filter((issuer) => isListOf(header.value, issuer)) : []
  return new Map(named.map(({ key }) => [key.pin, header.ok && isSignedWith(header.value, key)]))
}

/** In memory of its own, which alone can be handed over. */
const own = (der: Buffer): Buffer =>
  der.byteLength === der.buffer.byteLength ? der : Buffer.from(new Uint8Array(der).buffer)
