import { describe, expect, test } from 'vitest'
import { boundedCache } from '../../src/io/caches.ts'
import type { StatusWord } from '../../src/verify/certificate-status.ts'
import type { JudgedCertificate } from '../../src/verify/client-certificate.ts'
import { answered, flaws, verdict } from '../support/answers.ts'
import { authority, clientExtensions, type Party } from '../support/chains.ts'
import {
  asking,
  issue,
  meet,
  middle,
  oracle,
  qcStatements,
  root,
  sent,
  subject,
  trusting,
  validity,
  witness,
} from '../support/client-certificates.ts'
import { extensions } from '../support/ocsp-pki.ts'
import { PROOF_TIME } from '../support/proofs.ts'
import { mintToken, type Order, type SpineOptions } from '../support/spine.ts'
import { CN, subjectOf } from '../support/subjects.ts'

type Given = Parameters<typeof meet>[0]
const client = issue(root)

async function reason(
  certificate: Parameters<ReturnType<typeof meet>['request']>[0],
  given: Given = {},
  order: Order = {},
) {
  const { ask, request } = meet(given)
  const response = await ask(request(certificate, order))
  expect(flaws(response)).toEqual([])
  return verdict(response)
}

describe('X5-01 a route that asks for a client certificate', () => {
  test('takes one of a trusted authority', async () => expect(await reason(client)).toBe('allow'))
  test('MTLS-18 passes its facts on as evidence, and never the certificate', async () => {
    const { ask, request, records } = meet()
    await ask(request(client))
    expect(records[0]?.evidence.certificate).toMatchObject({
      thumbprint: client.thumbprint,
      subject: 'organizationIdentifier=PSDGB-FCA-123456,CN=client-1,O=Good Fintech',
      issuer: 'CN=Root',
      serial: '01',
      notAfter: PROOF_TIME + 86_400,
      roles: [],
      status: 'unasked',
    })
    expect(JSON.stringify(records[0]?.evidence.certificate)).not.toContain(client.der.toString('base64').slice(40, 80))
  })
  test('answers 403 without a challenge: no token could mend it', async () => {
    const { ask, request } = meet()
    const response = await ask(request(undefined))
    expect(response).toMatchObject({ deniedResponse: { status: { code: 403 } } })
    expect(answered(response, 'www-authenticate')).toEqual([])
    expect(verdict(response)).toBe('client_certificate_missing')
  })
  test.each<[string, ReturnType<typeof issue>, Given]>([
    ['client_certificate_untrusted', issue(undefined), {}],
    ['client_certificate_untrusted', issue(middle), {}],
    ['client_certificate_expired', issue(root, { notAfter: PROOF_TIME - 1 }), {}],
    ['client_certificate_expired', issue(root, { notBefore: PROOF_TIME + 1 }), {}],
    ['client_certificate_purpose_refused', issue(root, { extensions: [extensions.digitalSignature] }), {}],
    [
      'client_certificate_purpose_refused',
      issue(root, { extensions: [extensions.keyEncipherment, extensions.clientAuth] }),
      {},
    ],
    ['client_certificate_refused', client, { document: asking({ deny: { subjects: [{ O: 'Good Fintech' }] } }) }],
    ['client_certificate_refused', client, { document: asking({ allow: { dns: ['other.example'] } }) }],
    ['client_certificate_role_missing', client, { document: asking({ roles: ['PSP_AI'] }) }],
    ['client_certificate_role_missing', client, { document: asking({ qwac: true }) }],
  ])('refuses: %s', async (expected, certificate, given) => expect(await reason(certificate, given)).toBe(expected))

  test('QC-04 takes the certificate of a provider that has the role, and no other', async () => {
    const provider = issue(root, { extensions: [...clientExtensions, qcStatements('PSP_AI')] })
    expect(await reason(provider, { document: asking({ roles: ['PSP_AI'], qwac: true }) })).toBe('allow')
    expect(await reason(provider, { document: asking({ roles: { any: ['PSP_PI', 'PSP_AI'] } }) })).toBe('allow')
    expect(await reason(provider, { document: asking({ roles: ['PSP_AI', 'PSP_PI'] }) })).toBe(
      'client_certificate_role_missing',
    )
  })
  test('X5-03 takes a certificate within the leeway', async () => {
    const late = issue(root, { notAfter: PROOF_TIME - 10 })
    expect(await reason(late, { document: asking({ leeway: '10s' }) })).toBe('allow')
    expect(await reason(late, { document: asking({ leeway: '9s' }) })).toBe('client_certificate_expired')
  })
  test('takes a pinned certificate without any authority', async () => {
    const alone = issue(undefined)
    const trust = { anchors: [], intermediates: [], pinned: new Set([alone.thumbprint]) }
    expect(await reason(alone, { authorities: { trust } })).toBe('allow')
    expect(await reason(client, { authorities: { trust } })).toBe('client_certificate_untrusted')
  })
  test('asks before it looks at the token', async () => {
    expect(await reason(undefined, {}, { token: 'garbage' })).toBe('client_certificate_missing')
    expect(await reason(client, {}, { token: 'garbage' })).not.toBe('allow')
  })
})

describe('X5-01 what a client sends along', () => {
  const xfcc = (...pairs: readonly string[]): Order => ({
    certificate: undefined,
    headers: [['x-forwarded-client-cert', pairs.join(';')]],
    principal: 'organizationIdentifier=PSDGB-FCA-123456,CN=client-1,O=Good Fintech',
  })
  const below = issue(middle)
  const hash = `Hash=${Buffer.from(below.thumbprint, 'base64url').toString('hex')}`
  const cert = `Cert="${sent(below)}"`
  const given = {
    document: asking({}, {}, { clientCertificateFrom: { source: 'xfcc', xfcc: { writtenBy: 'thisEnvoy' } } }),
  }
  const told = (...pairs: readonly string[]): Promise<string> => reason(undefined, given, xfcc(...pairs))

  test('completes the path, its own certificate among it or not', async () => {
    expect(await told(hash, cert, `Chain="${sent(below, middle.certificate)}"`)).toBe('allow')
    expect(await told(hash, cert, `Chain="${sent(middle.certificate)}"`)).toBe('allow')
    expect(await told(hash, cert)).toBe('client_certificate_untrusted')
  })
  test('is trusted in nothing: an authority of its own leads nowhere', async () => {
    expect(await told(hash, cert, `Chain="${sent(below, issue(undefined))}"`)).toBe('client_certificate_untrusted')
  })
  test('may hold what nobody can read, and is then of no help', async () => {
    const broken = { der: middle.certificate.der.subarray(0, -1) }
    expect(await told(hash, cert, `Chain="${sent(broken, middle.certificate)}"`)).toBe('allow')
    expect(await told(hash, cert, `Chain="${sent(broken)}"`)).toBe('client_certificate_untrusted')
  })
  test('has to be a list of certificates, of bounded length', async () => {
    expect(await told(hash, cert, 'Chain="garbage"')).toBe('client_certificate_unusable')
    expect(await told(hash, cert, 'Chain="%zz"')).toBe('client_certificate_unusable')
    const many = Array.from({ length: 17 }, () => middle.certificate)
    expect(await told(hash, cert, `Chain="${sent(...many)}"`)).toBe('client_certificate_unusable')
  })
  test('att-mtls-03 no name can add a chain of its own to what Envoy wrote', async () => {
    const chain = `Chain="${sent(middle.certificate)}"`
    expect(await told(hash, cert, chain, `URI=x;${chain}`)).toBe('client_certificate_unusable')
  })
  test('comes in Client-Cert-Chain as well (RFC 9440)', async () => {
    const field = ({ der }: { der: Buffer }): string => `:${der.toString('base64')}:`
    const proxied = {
      document: asking(
        {},
        {},
        {
          clientCertificateFrom: { source: 'client-cert', clientCert: { trustedProxies: ['192.0.2.1'] } },
        },
      ),
    }
    const chained = (...chain: readonly { der: Buffer }[]): Order => ({
      headers: [
        ['client-cert', field(below)],
        ...(chain.length > 0 ? [['client-cert-chain', chain.map(field).join(', ')] as const] : []),
      ],
    })
    expect(await reason(undefined, proxied, chained(middle.certificate))).toBe('allow')
    expect(await reason(undefined, proxied, chained())).toBe('client_certificate_untrusted')
  })
  test('of one request counts for no other that was refused without it', async () => {
    const { ask, request } = meet(given)
    const send = async (...pairs: readonly string[]) =>
      verdict(await ask(request(undefined, { ...xfcc(...pairs), token: mintToken() })))
    expect(await send(hash, cert)).toBe('client_certificate_untrusted')
    expect(await send(hash, cert, `Chain="${sent(middle.certificate)}"`)).toBe('allow')
    expect(await send(hash, cert)).toBe('allow')
  })
})

const good = (until = PROOF_TIME + 3600): StatusWord => ({ kind: 'good', until })
const revoked: StatusWord = { kind: 'revoked', detail: 'it was revoked' }
const unknown: StatusWord = { kind: 'unknown', detail: 'never heard of it' }
const unavailable: StatusWord = { kind: 'unavailable', detail: 'no answer' }

describe('REV-01, REV-02, REV-14 the status of a certificate', () => {
  const serial = client.serial
  type Modes = readonly (readonly ['crl' | 'ocsp', 'soft' | 'hard', StatusWord])[]
  const under = (modes: Modes): NonNullable<SpineOptions['authorities']> => ({
    trust: trusting(root),
    status: {
      scope: 'chain',
      witnesses: modes.map(([kind, mode, word]) => witness(kind, mode, oracle({ [serial]: word }).source)),
    },
  })
  test.each<[string, Modes]>([
    ['allow', [['crl', 'hard', good()]]],
    [
      'allow',
      [
        ['crl', 'hard', unavailable],
        ['ocsp', 'hard', good()],
      ],
    ],
    ['allow', [['crl', 'soft', unavailable]]],
    ['allow', [['ocsp', 'soft', unknown]]],
    [
      'allow',
      [
        ['ocsp', 'soft', unknown],
        ['crl', 'hard', good()],
      ],
    ],
    ['client_certificate_revoked', [['crl', 'hard', revoked]]],
    ['client_certificate_revoked', [['crl', 'soft', revoked]]],
    [
      'client_certificate_revoked',
      [
        ['crl', 'hard', unavailable],
        ['ocsp', 'soft', revoked],
      ],
    ],
    ['client_certificate_status_unknown', [['ocsp', 'hard', unknown]]],
    [
      'client_certificate_status_unknown',
      [
        ['ocsp', 'hard', unknown],
        ['crl', 'hard', good()],
      ],
    ],
    ['certificate_status_unavailable', [['crl', 'hard', unavailable]]],
    [
      'certificate_status_unavailable',
      [
        ['crl', 'hard', unavailable],
        ['ocsp', 'soft', unavailable],
      ],
    ],
    [
      'certificate_status_unavailable',
      [
        ['crl', 'soft', unavailable],
        ['ocsp', 'hard', unavailable],
      ],
    ],
  ])('%s after %j', async (expected, modes) => {
    expect(await reason(client, { authorities: under(modes) })).toBe(expected)
    const later = modes.map(([kind, mode, word]) => [kind, mode, Promise.resolve(word)] as const)
    const slow = under([])
    const witnesses = later.map(([kind, mode, word]) => witness(kind, mode, oracle({ [serial]: word }).source))
    expect(await reason(client, { authorities: { ...slow, status: { scope: 'chain', witnesses } } })).toBe(expected)
  })
  test('T-62 what passes without a word is counted, each time, and marked', async () => {
    const told: string[] = []
    const { ask, request, records } = meet({
      authorities: { ...under([['crl', 'soft', unavailable]]), tolerated: (detail) => told.push(detail) },
    })
    await ask(request(client))
    await ask(request(client, { token: mintToken() }))
    expect(told).toEqual(['crl: no answer', 'crl: no answer'])
    expect(records.map(({ evidence }) => evidence.certificate?.status)).toEqual(['unknown', 'unknown'])
  })
  test('a source that breaks allows nothing', async () => {
    const broken = { judge: () => Promise.reject(new Error('a bug')) }
    const authorities = { status: { scope: 'chain', witnesses: [witness('crl', 'soft', broken)] } } as const
    expect(await reason(client, { authorities: { trust: trusting(root), ...authorities } })).toBe('internal_error')
    const odd = { judge: () => ({ kind: 'fine' }) as never }
    const witnesses = [witness('crl', 'hard', odd)]
    expect(
      await reason(client, { authorities: { trust: trusting(root), status: { scope: 'chain', witnesses } } }),
    ).toBe('certificate_status_unavailable')
  })
})

describe('REV-01 the scope', () => {
  const below = issue(middle, { serial: '07' })
  const chainOf = (words: Record<string, StatusWord>, scope: 'chain' | 'leaf' = 'chain') => {
    const { source, asked } = oracle(words)
    const trust = { ...trusting(root), intermediates: [middle.certificate] }
    return { asked, given: { authorities: { trust, status: { scope, witnesses: [witness('crl', 'hard', source)] } } } }
  }
  test('chain asks about every certificate but the anchor', async () => {
    const { asked, given } = chainOf({ '07': good(), '01': good() })
    expect(await reason(below, given)).toBe('allow')
    expect(asked).toEqual(['07', '01'])
  })
  test.each([
    ['revoked', 'client_certificate_revoked', revoked],
    ['without a word', 'certificate_status_unavailable', unavailable],
  ])('chain: an authority %s', async (_, expected, word) =>
    expect(await reason(below, chainOf({ '07': good(), '01': word }).given)).toBe(expected),
  )
  test('leaf asks about the certificate of the client alone', async () => {
    const { asked, given } = chainOf({ '07': good(), '01': revoked }, 'leaf')
    expect(await reason(below, given)).toBe('allow')
    expect(asked).toEqual(['07'])
    expect(await reason(below, chainOf({ '07': revoked }, 'leaf').given)).toBe('client_certificate_revoked')
  })
})

describe('X5-16 what is remembered', () => {
  const { serial } = client
  const prepare = (word: StatusWord) => {
    const state = { word, generation: 0 }
    const asked: number[] = []
    const source = {
      judge: (_certificate: unknown, _issuer: unknown, now: number) => {
        asked.push(now)
        return state.word
      },
    }
    const judged = boundedCache<JudgedCertificate>(10, 3600)
    const met = meet({
      authorities: {
        judged,
        generation: () => state.generation,
        status: { scope: 'chain', witnesses: [witness('crl', 'hard', source)] },
      },
    })
    const send = async (at = 0) => {
      met.clock.now = PROOF_TIME + at
      return verdict(await met.ask(met.request(client, { token: mintToken(), headers: [] })))
    }
    return { state, asked, send, judged }
  }
  test('a good word is asked for once', async () => {
    const { asked, send, judged } = prepare(good())
    expect([await send(), await send(5), await send(10)]).toEqual(['allow', 'allow', 'allow'])
    expect(asked).toHaveLength(1)
    expect(judged.size).toBe(1)
  })
  test('and again when it ends, whatever is said then', async () => {
    const { asked, send, state } = prepare(good(PROOF_TIME + 5))
    await send()
    state.word = revoked
    expect([await send(4), await send(5)]).toEqual(['allow', 'client_certificate_revoked'])
    expect(asked).toHaveLength(2)
  })
  test('and after any news', async () => {
    const { send, state } = prepare(good())
    await send()
    state.word = revoked
    state.generation += 1
    expect(await send()).toBe('client_certificate_revoked')
    state.word = good()
    expect(await send()).toBe('allow')
  })
  test('a word from before the news does not outlive them', async () => {
    const slow = Promise.withResolvers<StatusWord>()
    let word: StatusWord | Promise<StatusWord> = slow.promise
    let generation = 0
    const authorities = {
      trust: trusting(root),
      generation: () => generation,
      status: { scope: 'chain', witnesses: [witness('ocsp', 'hard', { judge: () => word })] },
    } as const
    const { ask, request } = meet({ authorities })
    const first = ask(request(client))
    generation += 1
    word = revoked
    slow.resolve(good())
    expect(verdict(await first)).toBe('allow')
    expect(verdict(await ask(request(client, { token: mintToken() })))).toBe('client_certificate_revoked')
  })
  test('a good word no longer than it counts, also when somebody sets the clock back', async () => {
    const elapsed = { now: 0 }
    const { source, asked } = oracle({ [serial]: good() })
    const witnesses = [witness('crl', 'hard', source)]
    const { ask, request, clock } = meet({
      authorities: { monotonic: () => elapsed.now, status: { scope: 'chain', witnesses } },
    })
    const send = async () => verdict(await ask(request(client, { token: mintToken() })))
    await send()
    elapsed.now = 299
    await send()
    expect(asked).toHaveLength(1)
    elapsed.now = 300
    clock.now = PROOF_TIME - 5
    expect(await send()).toBe('allow')
    expect(asked).toHaveLength(2)
  })
  test('never that a certificate is valid which has ended since', async () => {
    const { ask, request, clock } = meet()
    const short = issue(root, { notAfter: PROOF_TIME + 5 })
    const send = async (at: number) => {
      clock.now = PROOF_TIME + at
      return verdict(await ask(request(short, { token: mintToken() })))
    }
    expect([await send(0), await send(5), await send(6)]).toEqual(['allow', 'allow', 'client_certificate_expired'])
  })
  test('of a refusal, that it was refused; for a second where time alone may mend it', async () => {
    const lives: (number | undefined)[] = []
    const refused = { get: () => undefined, set: (_: string, __: unknown, life?: number) => void lives.push(life) }
    const authorities = { trust: trusting(root), refused }
    expect(await reason(issue(undefined), { authorities })).toBe('client_certificate_untrusted')
    const early = issue(root, { notBefore: PROOF_TIME + 1 })
    expect(await reason(early, { authorities })).toBe('client_certificate_expired')
    expect(lives).toEqual([undefined, 1])
  })
  test('no path over an authority that was revoked, where another company leads around it', async () => {
    const again = authority('Middle', root, { ...validity, keys: middle.keys, serial: '09' })
    const below = issue(middle, { serial: '07' })
    const { source } = oracle({ '07': good(), '01': revoked, '09': good() })
    const { ask, request } = meet({
      document: asking(
        {},
        {},
        { clientCertificateFrom: { source: 'client-cert', clientCert: { trustedProxies: ['192.0.2.1'] } } },
      ),
      authorities: { status: { scope: 'chain', witnesses: [witness('crl', 'hard', source)] } },
    })
    const field = ({ der }: { readonly der: Buffer }): string => `:${der.toString('base64')}:`
    const over = async (between: Party) =>
      verdict(
        await ask(
          request(undefined, {
            token: mintToken(),
            headers: [
              ['client-cert', field(below)],
              ['client-cert-chain', field(between.certificate)],
            ],
          }),
        ),
      )
    expect(await over(middle)).toBe('client_certificate_revoked')
    expect(await over(again)).toBe('allow')
  })
})

describe('X5-15 the certificate is that of the client', () => {
  const bound = (certificateClient: object) => ({ document: asking({}, { certificateClient }) })
  test('by an attribute of the subject', async () => {
    expect(await reason(client, bound({ attribute: 'CN' }))).toBe('allow')
    const other = issue(root, { subject: subjectOf([CN, 'client-2']).der })
    expect(await reason(other, bound({ attribute: 'CN' }))).toBe('client_certificate_mismatch')
    expect(await reason(client, bound({ attribute: 'O' }))).toBe('client_certificate_mismatch')
  })
  test('T-66 by the subject that is listed for it, attribute by attribute', async () => {
    const listed = { clients: { 'client-1': { O: 'Good Fintech', organizationIdentifier: 'PSDGB-FCA-123456' } } }
    expect(await reason(client, bound(listed))).toBe('allow')
    const other = issue(root, {
      subject: subjectOf([CN, 'O=Good Fintech,organizationIdentifier=PSDGB-FCA-123456']).der,
    })
    expect(await reason(other, bound(listed))).toBe('client_certificate_mismatch')
    expect(await reason(client, bound({ clients: { 'client-2': { O: 'Good Fintech' } } }))).toBe(
      'client_certificate_mismatch',
    )
  })
  test('needs a certificate that was judged', async () => {
    expect(subject.length).toBeGreaterThan(0)
    expect(await reason(undefined, bound({ attribute: 'CN' }))).toBe('client_certificate_missing')
  })
})
