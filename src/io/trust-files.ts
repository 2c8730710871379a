import type { Config } from '../config.ts'
import { pinsOf } from '../policies/client-certificate.ts'
import type { ClientCertificateOptions } from '../policies/client-certificate-options.ts'
import type { Problem } from '../problems.ts'
import type { TrustStore } from '../verify/certificate-chain.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { type Certificate, readCertificateDer } from '../verify/x509/certificate.ts'
import { nameText } from '../verify/x509/name-text.ts'
import { readPem } from '../verify/x509/pem.ts'
import { readBounded } from './bounded-file.ts'

/** Bytes of one file, and authorities in it; the trusted lists of Europe name some hundreds. */
const MAX_FILE = 8_388_608
const MAX_AUTHORITIES = 2000

/** A file of authorities that cannot be used, with its place in the options. */
interface FileProblem {
  readonly key: readonly (string | number)[]
  readonly problem: string
}

/** What was read already, by file. */
export type AuthorityFiles = Map<string, Reading<readonly Certificate[]>>

type Outcome = { readonly ok: true; readonly value: TrustStore } | ({ readonly ok: false } & FileProblem)

/**
 * Whom these options trust. Every certificate of the files has to be readable and that of an authority: one that is passed
 * over would be missed when its first client comes.
 */
export function readTrust(options: ClientCertificateOptions, files: AuthorityFiles = new Map()): Reading<TrustStore> {
  const outcome = readFiles(options, files)
  return outcome.ok ? read(outcome.value) : unreadable(`${spellKey(outcome.key)}: ${outcome.problem}`)
}

const spellKey = (key: FileProblem['key']): string =>
  key.map((part, index) => (typeof part === 'number' ? `[${part}]` : index === 0 ? part : `.${part}`)).join('')

function readFiles(options: ClientCertificateOptions, files: AuthorityFiles): Outcome {
  const lists: Record<'ca' | 'intermediates', Certificate[]> = { ca: [], intermediates: [] }
  for (const key of ['ca', 'intermediates'] as const)
    for (const [index, file] of options[key].entries()) {
      const reading = files.get(file) ?? readAuthorityFile(file)
      files.set(file, reading)
      if (!reading.ok) return { ok: false, key: [key, index], problem: `${file}: ${reading.problem}` }
      lists[key].push(...reading.value)
    }
  return { ok: true, value: { anchors: lists.ca, intermediates: lists.intermediates, pinned: pinsOf(options) } }
}

/** The authorities in a PEM file, one at least. */
export function readAuthorityFile(file: string): Reading<readonly Certificate[]> {
  const bytes = readBounded(file, MAX_FILE)
  if (!bytes.ok) return bytes
  const blocks = readPem(bytes.value.toString('latin1'), 'CERTIFICATE', MAX_AUTHORITIES)
  if (!blocks.ok) return blocks
  const authorities: Certificate[] = []
  for (const [index, der] of blocks.value.entries()) {
    const certificate = readCertificateDer(der)
    if (!certificate.ok) return unreadable(`certificate ${index + 1} cannot be read: ${certificate.problem}`)
    if (!certificate.value.ca)
      return unreadable(
        `certificate ${index + 1} (${nameText(certificate.value.subject)}) is that of no authority; list its thumbprint under pinned: ${certificate.value.thumbprint}`,
      )
    authorities.push(certificate.value)
  }
  return read(authorities)
}

/** What `config check` says about files of authorities. */
export const checkTrustFiles = ({ routes }: Config): readonly Problem[] =>
  routes.flatMap(({ policies }) =>
    policies.flatMap(({ name, options, at }) => {
      if (name !== 'clientCertificate') return []
      // Parsed by the very schema this type comes from.
      const outcome = readFiles(options as ClientCertificateOptions, new Map())
      return outcome.ok ? [] : [{ path: [...at, ...outcome.key], message: outcome.problem }]
    }),
  )
