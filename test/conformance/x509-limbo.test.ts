import { expect, test } from 'vitest'
import { readCrl } from '../../src/verify/x509/crl.ts'
import { judgeByCrls } from '../../src/verify/x509/crl-status.ts'
import { type PathVector, pathOfVector, vectorsOf } from '../support/vector-paths.ts'

interface Case extends PathVector {
  readonly id: string
  readonly valid: boolean
  readonly usage: 'serverAuth' | 'clientAuth'
  readonly time?: string
  readonly crls?: readonly string[]
}

const { cases } = vectorsOf('limbo/limbo.json') as { readonly cases: readonly Case[] }

/** For the cases that name no time; their certificates are valid for centuries. */
const SOME_TIME = Date.UTC(2026, 0) / 1000

/** Where the product refuses what the suite accepts. */
const stricter: Readonly<Record<string, string>> = {
  'rfc5280::eku::ee-without-eku': 'X5-07: a leaf has to say what it is for, unless the configuration lets that pass',
}

const SERVER_NAME = 'the path is judged, not whether it is one of the server that was called'
const HINT = 'X5-02: key identifiers give the order of the search and decide nothing'
const APPLIED = 'the constraints are applied, whether they are critical or not'
const BROWSERS = 'a rule of browsers for public servers, about nothing that a client is known by'

/** Where the product accepts what the suite refuses. */
const laxer: Readonly<Record<string, string>> = {
  'rfc5280::pc::ica-noncritical-pc': APPLIED,
  'crl::crlnumber-critical': 'the number of a list is processed, so that it may be critical',
  'rfc5280::aki::intermediate-missing-aki': HINT,
  'rfc5280::aki::cross-signed-root-missing-aki': HINT,
  'rfc5280::ski::intermediate-missing-ski': HINT,
  'webpki::aki::root-with-aki-missing-keyidentifier': HINT,
  'webpki::aki::root-with-aki-ski-mismatch': HINT,
  'webpki::cn::ipv4-leading-zeros-mismatch': SERVER_NAME,
  'webpki::cn::ipv6-uncompressed-mismatch': SERVER_NAME,
  'webpki::cn::not-in-san': SERVER_NAME,
  'webpki::cn::punycode-not-in-san': SERVER_NAME,
  'webpki::eku::ee-anyeku': BROWSERS,
  'webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf': BROWSERS,
  'webpki::san::mismatch-domain-san': SERVER_NAME,
  'webpki::san::mismatch-subdomain-apex-san': SERVER_NAME,
  'webpki::san::public-suffix-private-namespace-wildcard-san': BROWSERS,
  'webpki::san::public-suffix-wildcard-san': BROWSERS,
  'webpki::san::san-critical-with-nonempty-subject': BROWSERS,
  'webpki::san::wildcard-match-across-labels-san': SERVER_NAME,
}

function isAccepted({ usage, time, crls, ...vector }: Case): boolean {
  const now = time === undefined ? SOME_TIME : Date.parse(time) / 1000
  const path = pathOfVector(vector, { usages: [usage], leeway: 0, policies: [] }, now)
  const [leaf, issuer] = path ?? []
  if (!crls || !leaf || !issuer) return path !== undefined
  const lists = crls.flatMap((text) => {
    const reading = readCrl(Buffer.from(text, 'base64'))
    return reading.ok ? [reading.value] : []
  })
  return judgeByCrls(leaf, issuer, lists, { maxAge: 86_400 }, now).kind === 'good'
}

test.each(cases)('X5-01 … X5-05, X5-07 … X5-09, X5-12, X5-13 $id', (one) => {
  const { id, valid } = one
  const reason = stricter[id] ?? laxer[id]
  expect({ accepted: isAccepted(one), reason }).toEqual({
    accepted: (valid && !(id in stricter)) || id in laxer,
    reason,
  })
})

test('each difference is about a case with the other result', () => {
  const idsOf = (wanted: boolean) => cases.filter(({ valid }) => valid === wanted).map(({ id }) => id)
  expect(Object.keys(stricter).filter((id) => !idsOf(true).includes(id))).toEqual([])
  expect(Object.keys(laxer).filter((id) => !idsOf(false).includes(id))).toEqual([])
})
