import type { Config } from '../config.ts'
import { judgeAuthorities, judgeLists, type ListObservation } from '../doctor/client-certificates.ts'
import { type Finding, finding, fine } from '../doctor/findings.ts'
import type { ClientCertificateOptions } from '../policies/client-certificate-options.ts'
import type { Certificate } from '../verify/x509/certificate.ts'
import { MAX_CRL } from '../verify/x509/crl.ts'
import { judgeOcspResponse } from '../verify/x509/ocsp.ts'
import { writeOcspRequest } from '../verify/x509/ocsp-request.ts'
import { MAX_RESPONSE, readOcspResponse } from '../verify/x509/ocsp-response.ts'
import { readWholeFile } from './crl-places.ts'
import { buildCrlReader, type CrlReader } from './crl-reader.ts'
import { buildCrlShelf } from './crl-shelf.ts'
import { getBytes, postBytes } from './fetch-bytes.ts'
import type { Outbound } from './outbound.ts'
import { readAuthorityFile } from './trust-files.ts'

type Revocation = ClientCertificateOptions['revocation']
type Trial = () => Promise<readonly Finding[]>

/** How long each call may take, milliseconds. */
const PATIENCE = 5000
/** Calls at the same time. */
const LANES = 4

/**
 * Tries whom the `clientCertificate` policies trust and whom they ask about revocations: each file of authorities, list and
 * responder once for all routes that name it with the same authorities. Hosts that only certificates name are not tried.
 */
export async function tryClientCertificates({ routes }: Config, outbound: Outbound): Promise<readonly Finding[]> {
  const now = Date.now() / 1000
  const reader = buildCrlReader()
  const trials = new Map<string, Trial>()
  for (const { policies } of routes)
    for (const { name, options } of policies) {
      if (name !== 'clientCertificate') continue
      // Parsed by the very schema this type comes from.
      const { ca, intermediates, revocation } = options as ClientCertificateOptions
      const files = [
        ...ca.map((file) => ['ca', file] as const),
        ...intermediates.map((file) => ['intermediates', file] as const),
      ]
      for (const [key, file] of files)
        trials.set(`${key} ${file}`, async () => tryAuthorities(`clientCertificate.${key} ${file}`, file, now))
      const trusted = [...new Set(files.map(([, file]) => file))]
      for (const [key, trial] of statusTrials(revocation, trusted, { outbound, reader, now }))
        trials.set(`${key} ${trusted.join(' ')}`, trial)
    }
  try {
    return await inLanes([...trials.values()])
  } finally {
    reader.close()
  }
}

/** A few at the same time; what they find stands in their order. */
async function inLanes(trials: readonly Trial[]): Promise<readonly Finding[]> {
  const findings: (readonly Finding[])[] = []
  const waiting = trials.entries()
  const lane = async (): Promise<void> => {
    for (const [index, trial] of waiting) findings[index] = await trial()
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  return findings.flat()
}

interface Surroundings {
  readonly outbound: Outbound
  readonly reader: CrlReader
  readonly now: number
}

function statusTrials(
  { crl, ocsp, files, urls, responder, maxAge }: Revocation,
  trusted: readonly string[],
  surroundings: Surroundings,
): readonly (readonly [key: string, trial: Trial])[] {
  const { outbound } = surroundings
  // One of them that cannot be read is told of by itself.
  const issuers = (): readonly Certificate[] =>
    trusted.flatMap((file) => {
      const authorities = readAuthorityFile(file)
      return authorities.ok ? authorities.value : []
    })
  const list = (tried: string, get: () => ReturnType<typeof readWholeFile>): readonly [string, Trial] => [
    tried,
    async () => [judgeLists(tried, await seeLists(await get(), issuers(), maxAge, surroundings))],
  ]
  const asked = ocsp === 'off' ? undefined : responder
  return [
    ...(crl === 'off' ? [] : files.map((file) => list(`revocation.files ${file}`, () => readWholeFile(file)))),
    ...(crl === 'off'
      ? []
      : urls.map((url) =>
          list(`revocation.urls ${withoutQuery(url)}`, () =>
            getBytes(url, { ...outbound, maxBytes: MAX_CRL, timeout: PATIENCE }),
          ),
        )),
    ...(asked === undefined
      ? []
      : [[`responder ${asked}`, async () => tryResponder(asked, issuers(), surroundings)] as const]),
  ]
}

const withoutQuery = (url: string): string => new URL(url).origin + new URL(url).pathname

function tryAuthorities(tried: string, file: string, now: number): readonly Finding[] {
  const authorities = readAuthorityFile(file)
  return authorities.ok
    ? judgeAuthorities(tried, authorities.value, now)
    : [finding('DR-13', tried, authorities.problem)]
}

/** Reads what came with the very code that serves. */
async function seeLists(
  got: Awaited<ReturnType<typeof readWholeFile>>,
  issuers: readonly Certificate[],
  maxAge: number,
  { reader, now }: Surroundings,
): Promise<ListObservation> {
  const nothing = { verified: false, entries: 0, until: undefined }
  if (!got.ok) return { ...nothing, problem: got.problem }
  const lists = await reader.read(got.value, issuers)
  if (!lists.ok) return { ...nothing, problem: lists.problem }
  const shelf = buildCrlShelf({ maxAge })
  const [problem] = await shelf.accept(lists.value, issuers, now)
  return { problem, verified: shelf.verified, entries: shelf.entries, until: shelf.until() }
}

/**
 * Asks about a serial number that no certificate is likely to have, of one authority after the other until an answer
 * counts: a responder need not know them all. Many refuse to say anything about such a number, which shows them as well.
 */
async function tryResponder(
  url: string,
  issuers: readonly Certificate[],
  surroundings: Surroundings,
): Promise<readonly Finding[]> {
  const tried = `revocation.responder ${withoutQuery(url)}`
  let last: Finding | undefined
  for (const issuer of issuers.slice(0, MAX_ISSUERS)) {
    last = await askAbout(tried, url, issuer, surroundings)
    if (last.severity !== 'warning') return [last]
  }
  return last ? [last] : []
}

async function askAbout(
  tried: string,
  url: string,
  issuer: Certificate,
  { outbound, now }: Surroundings,
): Promise<Finding> {
  const question = { certificate: { serial: SERIAL, issuer: issuer.subject }, issuer }
  const fetched = await postBytes(url, {
    ...outbound,
    type: 'ocsp-request',
    accept: 'ocsp-response',
    body: writeOcspRequest(question, 'sha1'),
    timeout: PATIENCE,
    maxBytes: MAX_RESPONSE,
  })
  if (!fetched.ok) return finding('DR-22', tried, fetched.problem)
  const answer = readOcspResponse(fetched.value)
  if (!answer.ok) return finding('DR-22', tried, answer.problem)
  const judged = judgeOcspResponse(fetched.value, question, { maxAge: MAX_AGE, requireNonce: false }, now)
  if (judged.ok) return fine(tried, 'it answers, and its signature holds')
  if (judged.busy) return finding('DR-22', tried, judged.problem)
  return answer.value.kind === 'none'
    ? fine(tried, `it answers; about a certificate that does not exist: ${judged.problem}`)
    : finding('DR-23', tried, judged.problem)
}

/** Hex. */
const SERIAL = '7e6e766f792d66617069'
/** Authorities that a responder is asked about. */
const MAX_ISSUERS = 4
/** Seconds. */
const MAX_AGE = 3600
