import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  ANY_PURPOSE,
  CLIENT,
  chainOf,
  extension,
  type Link,
  OTHER_CURVE,
  SCENARIO_TIME,
  SERVER,
  WEAK_RSA,
} from '../support/chain-scenarios.ts'
import { C, CN, O, subjectOf } from '../support/subjects.ts'
import { pathOfVector } from '../support/vector-paths.ts'
import { ANY } from '../support/x509-policies.ts'

/** The anchor first. `wanted`: an OID that is asked for. */
type Scenario = readonly [what: string, links: readonly Link[], wanted?: string]
type Difference = readonly [reason: string, ...scenario: Scenario]

const [A, B, X] = ['1.2.1', '1.2.2', '1.2.3']
const bank = [
  [C, 'GB'],
  [O, 'Bank'],
] as const
const p = (...policies: readonly string[]) => ({ policies })
const below = (...links: readonly Link[]): readonly Link[] => [{}, ...links]

const paths: readonly Scenario[] = [
  ['a leaf of the anchor', below({})],
  ['one intermediate', below({}, {})],
  ['four intermediates', below({}, {}, {}, {}, {})],
  ['a leaf signed with another key', below({ forged: true })],
  ['an intermediate signed with another key', below({ forged: true }, {})],
  ['an issuer of another name', below({ issuer: [[CN, 'nobody']] })],
  ['an issuer in other letters', below({ issuer: [[CN, 'LEVEL  0']] })],
  ['an expired leaf', below({ to: -1 })],
  ['an expired intermediate', below({ to: -1 }, {})],
  ['an expired anchor', [{ to: -1 }, {}]],
  ['a leaf that is not valid yet', below({ from: -1 })],
  ['an intermediate that is not valid yet', below({ from: -1 }, {})],
  ['an unknown critical extension in the leaf', below({ more: [extension('1.2.3.4', true, Buffer.of(5, 0))] })],
  [
    'an unknown critical extension in an intermediate',
    below({ more: [extension('1.2.3.4', true, Buffer.of(5, 0))] }, {}),
  ],
  ['an unknown extension that is not critical', below({ more: [extension('1.2.3.4', false, Buffer.of(5, 0))] })],
]

const authorities: readonly Scenario[] = [
  ['an intermediate without basic constraints', below({ ca: 'no' }, {})],
  ['an intermediate that is none by its basic constraints', below({ ca: false }, {})],
  ['a leaf that issues', below({ ca: 'no', purposes: [CLIENT], usage: [7, 0x80] }, {})],
  ['a path length of 0 above a leaf', below({ pathLength: 0 }, {})],
  ['a path length of 0 above an intermediate', below({ pathLength: 0 }, {}, {})],
  ['a path length of 0 above a self-issued one', below({ pathLength: 0 }, { selfIssued: true }, {})],
  ['a path length of 1 above two', below({ pathLength: 1 }, {}, {}, {})],
  ['a path length of 0 in the anchor', [{ pathLength: 0 }, {}, {}]],
  ['an intermediate that signs no certificates', below({ usage: [1, 0x02] }, {})],
  ['an intermediate without key usage', below({ usage: false }, {})],
  ['a leaf for encipherment alone', below({ usage: [5, 0x20] })],
  ['a leaf without key usage', below({ usage: false })],
  ['a leaf for servers', below({ purposes: [SERVER] })],
  ['a leaf for both', below({ purposes: [SERVER, CLIENT] })],
  ['a leaf for anything', below({ purposes: [ANY_PURPOSE] })],
  ['an intermediate for servers', below({ purposes: [SERVER] }, {})],
  ['an intermediate for clients', below({ purposes: [CLIENT] }, {})],
]

const names: readonly Scenario[] = [
  ['a permitted host', below({ permitted: ['dns:example.com'] }, { names: ['dns:a.example.com'] })],
  ['a host that is not permitted', below({ permitted: ['dns:example.com'] }, { names: ['dns:example.org'] })],
  ['a host that ends alike', below({ permitted: ['dns:example.com'] }, { names: ['dns:notexample.com'] })],
  [
    'one of two hosts not permitted',
    below({ permitted: ['dns:example.com'] }, { names: ['dns:example.com', 'dns:b.test'] }),
  ],
  ['an excluded host', below({ excluded: ['dns:example.com'] }, { names: ['dns:a.example.com'] })],
  ['no host at all', below({ excluded: ['dns:'] }, { names: ['dns:a.example.com'] })],
  [
    'a permitted and excluded host',
    below({ permitted: ['dns:com'], excluded: ['dns:a.com'] }, { names: ['dns:b.a.com'] }),
  ],
  [
    'two CAs that permit different hosts',
    [{ permitted: ['dns:com'] }, { permitted: ['dns:a.com'] }, { names: ['dns:b.com'] }],
  ],
  ['constraints in the anchor', [{ permitted: ['dns:a.com'] }, { names: ['dns:b.com'] }]],
  ['a wildcard below what is permitted', below({ permitted: ['dns:example.com'] }, { names: ['dns:*.example.com'] })],
  ['a permitted mail host', below({ permitted: ['email:example.com'] }, { names: ['email:a@EXAMPLE.com'] })],
  [
    'a mail host below the permitted one',
    below({ permitted: ['email:example.com'] }, { names: ['email:a@b.example.com'] }),
  ],
  ['a permitted mail domain', below({ permitted: ['email:.example.com'] }, { names: ['email:a@b.example.com'] })],
  [
    'another mailbox than the permitted one',
    below({ permitted: ['email:a@example.com'] }, { names: ['email:b@example.com'] }),
  ],
  [
    'a mail address in the subject',
    below({ permitted: ['email:example.com'] }, { subject: [['1.2.840.113549.1.9.1', 'a@evil.test', 0x16]] }),
  ],
  ['a permitted URI', below({ permitted: ['uri:example.com'] }, { names: ['uri:https://example.com/x'] })],
  [
    'a URI below the permitted host',
    below({ permitted: ['uri:example.com'] }, { names: ['uri:https://a.example.com/'] }),
  ],
  ['a URI of an excluded domain', below({ excluded: ['uri:.example.com'] }, { names: ['uri:https://a.example.com/'] })],
  ['a permitted address', below({ permitted: ['ip:0a000000ff000000'] }, { names: ['ip:0a010203'] })],
  ['an address that is not permitted', below({ permitted: ['ip:0a000000ff000000'] }, { names: ['ip:0b010203'] })],
  ['an excluded address', below({ excluded: ['ip:0a000000ff000000'] }, { names: ['ip:0a010203'] })],
  ['a permitted subject', below({ permitted: [subjectOf(...bank)] }, { subject: [...bank, [CN, 'x']] })],
  ['a subject that is not permitted', below({ permitted: [subjectOf(...bank)] }, { subject: [[CN, 'x']] })],
  ['an excluded subject', below({ excluded: [subjectOf(...bank)] }, { subject: [...bank, [CN, 'x']] })],
  [
    'a self-issued intermediate outside',
    below({ subject: bank, permitted: ['dns:a.com'] }, { selfIssued: true, names: ['dns:b.com'] }, {}),
  ],
  ['an intermediate outside', below({ permitted: ['dns:a.com'] }, { names: ['dns:b.com'] }, {})],
]

const policies: readonly Scenario[] = [
  ['the wanted policy', below(p(A), p(A)), A],
  ['another policy', below(p(A), p(A)), B],
  ['a leaf without it', below(p(A), {}), A],
  ['an intermediate without it', below({}, p(A)), A],
  ['anyPolicy in the intermediate', below(p(ANY), p(A)), A],
  ['anyPolicy in both', below(p(ANY), p(ANY)), A],
  ['a mapped policy', below({ ...p(A), mappings: [[A, X]] }, p(X)), A],
  ['the policy that was mapped away', below({ ...p(A), mappings: [[A, X]] }, p(A)), A],
  ['the mapped policy as the wanted one', below({ ...p(A), mappings: [[A, X]] }, p(X)), X],
  ['a mapping of anyPolicy', below({ ...p(ANY), mappings: [[A, X]] }, p(X)), A],
  ['a mapping that is inhibited', below({ ...p(A), mapping: 0 }, { ...p(A), mappings: [[A, X]] }, p(X)), A],
  ['anyPolicy that is inhibited', below({ ...p(A), any: 0 }, p(ANY)), A],
  ['anyPolicy that is inhibited later', below({ ...p(A), any: 1 }, p(ANY)), A],
  ['a policy required by the CA', below({ ...p(A), explicit: 0 }, {})],
  ['a policy required by the CA and there', below({ ...p(A), explicit: 0 }, p(A))],
]

/** Where the product refuses what OpenSSL accepts, on purpose; OpenSSL has to go on accepting it. */
const stricter: readonly Difference[] = [
  ['six certificates are the most', 'seven certificates', below({}, {}, {}, {}, {}, {})],
  ['X5-08: a client is no authority', 'a leaf that is a CA', below({ ca: true })],
  ['X5-07: a purpose has to be named', 'a leaf without a purpose', below({ purposes: [] })],
  ['X5-06: only signatures prove a client', 'a leaf for key agreement alone', below({ usage: [3, 0x08] })],
  ['X5-11: SHA-1 is broken', 'a leaf signed with SHA-1', below({ digest: 'sha1' })],
  ['X5-12: FAPI 2.0 asks for 2048 bits', 'a leaf with an RSA key of 1024 bits', below({ key: WEAK_RSA })],
  ['X5-12: P-256, P-384 and P-521 alone', 'a leaf with a key on another curve', below({ key: OTHER_CURVE })],
  [
    'X5-09: the wildcard stands for the excluded host',
    'a wildcard above an excluded host',
    below({ excluded: ['dns:a.example.com'] }, { names: ['dns:*.example.com'] }),
  ],
]

/** Where the product accepts what OpenSSL refuses, on purpose. */
const laxer: readonly Difference[] = [
  [
    'nothing in the product reads a common name as a host',
    'a common name outside of the permitted hosts',
    below({ permitted: ['dns:example.com'] }, { subject: [[CN, 'evil.test']] }),
  ],
]

const folder = mkdtempSync(join(tmpdir(), 'x509-openssl-'))
afterAll(() => rmSync(folder, { recursive: true }))

function isAcceptedByOpenssl(chain: readonly Buffer[], wanted: string | undefined): boolean {
  const files = ['anchor', 'between', 'leaf'].map((name) => join(folder, `${name}.pem`)) as [string, string, string]
  const groups = [chain.slice(0, 1), chain.slice(1, -1), chain.slice(-1)]
  for (const [index, file] of files.entries()) writeFileSync(file, (groups[index] ?? []).map(pemOf).join(''))
  const [anchor, between, leaf] = files
  const run = spawnSync(
    'openssl',
    [
      ...['verify', '-no-CApath', '-no-CAstore', '-attime', String(SCENARIO_TIME), '-purpose', 'sslclient'],
      ...['-policy_check', '-policy', wanted ?? ANY, ...(wanted === undefined ? [] : ['-explicit_policy'])],
      ...['-CAfile', anchor, ...(chain.length > 2 ? ['-untrusted', between] : []), leaf],
    ],
    // Distributions have settings of their own about weak algorithms.
    { encoding: 'utf8', timeout: 10_000, env: { ...process.env, OPENSSL_CONF: '/dev/null' } },
  )
  if (run.error) throw run.error
  // Anything else than a verdict on the chain, as a file that cannot be read, is no answer.
  if (run.status !== 0) expect(run.stderr).toMatch(/^error \d+ at \d+ depth lookup: /m)
  return run.status === 0
}

const pemOf = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replaceAll(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`

function isAcceptedByUs(chain: readonly Buffer[], wanted: string | undefined): boolean {
  const [anchor = '', ...rest] = chain.map((der) => der.toString('base64'))
  const vector = { leaf: rest.at(-1) ?? '', intermediates: rest.slice(0, -1), anchors: [anchor] }
  const rules = { usages: ['clientAuth'] as const, leeway: 0, policies: wanted === undefined ? [] : [wanted] }
  return pathOfVector(vector, rules, SCENARIO_TIME) !== undefined
}

const toCase = ([what, links, wanted]: Scenario) => ({ what, links, wanted })
const toDifference = ([reason, ...scenario]: Difference) => ({ reason, ...toCase(scenario) })

const verdicts = (links: readonly Link[], wanted: string | undefined) => {
  const chain = chainOf(links)
  return { us: isAcceptedByUs(chain, wanted), openssl: isAcceptedByOpenssl(chain, wanted) }
}

describe('X5-01 … X5-12 the product and OpenSSL judge chains alike', () => {
  const all = [...paths, ...authorities, ...names, ...policies]
  const accepted: string[] = []
  test.each(all.map(toCase))('$what', ({ what, links, wanted }) => {
    const { us, openssl } = verdicts(links, wanted)
    expect(us).toBe(openssl)
    if (us) accepted.push(what)
  })
  test('some are accepted and some refused', () => {
    expect(accepted.length).toBeGreaterThan(20)
    expect(all.length - accepted.length).toBeGreaterThan(30)
  })
})

describe('X5-06 … X5-12 where they differ on purpose', () => {
  test.each(stricter.map(toDifference))('$reason: $what', ({ links, wanted }) =>
    expect(verdicts(links, wanted)).toEqual({ us: false, openssl: true }),
  )
  test.each(laxer.map(toDifference))('$reason: $what', ({ links, wanted }) =>
    expect(verdicts(links, wanted)).toEqual({ us: true, openssl: false }),
  )
})
