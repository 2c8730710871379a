import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { buildCrls } from '../../src/io/crls.ts'
import { getBytes, postBytes } from '../../src/io/fetch-bytes.ts'
import { buildOcsp } from '../../src/io/ocsp.ts'
import { readPki, writePkiFiles } from '../../src/io/pki-directory.ts'
import { startPkiResponder } from '../../src/io/pki-responder.ts'
import { writeCertificate } from '../../src/mint/certificate.ts'
import { integer, oid, time } from '../../src/mint/der.ts'
import { keyTypes, newKey } from '../../src/mint/keys.ts'
import { createPki, issueCertificate, revoke, stateFile, writeLists } from '../../src/mint/pki.ts'
import { answerOcsp } from '../../src/mint/revocation.ts'
import { findChain } from '../../src/verify/certificate-chain.ts'
import { judgeRoles } from '../../src/verify/certificate-roles.ts'
import { type Certificate, readCertificateDer } from '../../src/verify/x509/certificate.ts'
import { oidOf, parseDer } from '../../src/verify/x509/der.ts'
import { readPem } from '../../src/verify/x509/pem.ts'
import { timeOf } from '../../src/verify/x509/time.ts'
import { outcome, rules } from '../support/chains.ts'

const now = Math.floor(Date.now() / 1000)
const chance = { now, random: randomBytes }
const folder = mkdtempSync(join(tmpdir(), 'development-pki-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** A PKI in a directory of its own, and what OpenSSL and we say of its clients. */
function make(keyType: (typeof keyTypes)[number], statusUrl?: string) {
  const directory = mkdtempSync(join(folder, `${keyType}-`))
  const { files } = createPki({ hosts: ['api.bank.example', '127.0.0.1'], keyType, statusUrl, days: 90 }, chance)
  writePkiFiles(directory, files)
  const at = (name: string): string => join(directory, name)
  const certificate = (name: string): Certificate => {
    const blocks = readPem(readFileSync(at(`${name}.pem`), 'latin1'), 'CERTIFICATE', 4)
    const reading = blocks.ok ? readCertificateDer(blocks.value[0] ?? Buffer.of()) : blocks
    if (!reading.ok) throw new Error(reading.problem)
    return reading.value
  }
  const openssl = (name: string): string => {
    const lists = ['root', 'intermediate'].flatMap((list) => ['-CRLfile', at(`crl/${list}.crl`)])
    const trust = ['-CAfile', at('root.pem'), '-untrusted', at('intermediate.pem')]
    const order = ['verify', '-purpose', 'sslclient', '-crl_check_all', ...trust, ...lists, at(`clients/${name}.pem`)]
    const { stderr, stdout } = spawnSync('openssl', order, { encoding: 'utf8' })
    return /error [0-9]+ at [0-9] depth lookup: (.*)/.exec(stdout + stderr)?.[1] ?? 'ok'
  }
  const ours = (name: string): string => {
    const store = {
      anchors: [certificate('root')],
      intermediates: [certificate('intermediate')],
      pinned: new Set<string>(),
    }
    return outcome(findChain(certificate(`clients/${name}`), [], store, rules, now))
  }
  return { directory, at, certificate, openssl, ours }
}

describe.each(keyTypes)('a development PKI with keys of type %s', (keyType) => {
  const pki = make(keyType)
  test.each([
    ['tpp', 'ok', 'ok'],
    ['plain', 'ok', 'ok'],
    ['payments-only', 'ok', 'ok'],
    ['revoked', 'certificate revoked', 'ok'],
    ['expired', 'certificate has expired', 'expired'],
    ['not-yet-valid', 'certificate is not yet valid', 'expired'],
    ['server-only', /purpose/, 'purpose'],
    ['self-signed', /self.signed certificate/, 'untrusted'],
    ['stranger', 'unable to get local issuer certificate', 'untrusted'],
  ])('X5-01, X5-11 OpenSSL and we agree about %s', (name, theirs, ours) => {
    expect(pki.openssl(name)).toMatch(theirs)
    expect(pki.ours(name)).toBe(ours)
  })
})

describe('what is in it', () => {
  const pki = make('ec', 'http://127.0.0.1:9180')
  test('QC-02, QC-03, QC-05 a qualified certificate of a payment service', () => {
    const asked = {
      roles: { all: ['PSP_AI', 'PSP_PI'], any: [] },
      qwac: true,
      organizationIdentifiers: ['PSD'],
    } as const
    expect(judgeRoles(pki.certificate('clients/tpp'), asked)).toMatchObject({ ok: true })
    expect(judgeRoles(pki.certificate('clients/payments-only'), asked)).toMatchObject({ ok: false })
    expect(judgeRoles(pki.certificate('clients/plain'), asked)).toMatchObject({ ok: false })
  })
  test('a server for the names it was asked for', () => {
    const text = execFileSync('openssl', ['x509', '-in', pki.at('server.pem'), '-noout', '-ext', 'subjectAltName'])
    expect(text.toString()).toMatch(/DNS:api\.bank\.example, IP Address:127\.0\.0\.1/)
  })
  test('where its status is to be asked', () => {
    const { distributionPoints, ocspResponders } = pki.certificate('clients/plain')
    expect(ocspResponders).toEqual(['http://127.0.0.1:9180/'])
    expect(JSON.stringify(distributionPoints)).toContain('http://127.0.0.1:9180/crl/intermediate.crl')
    expect(pki.certificate('clients/self-signed').ocspResponders).toEqual([])
  })
  test('keys that nobody else may read', () => {
    for (const name of ['root.key', 'server.key', 'clients/tpp.key'])
      expect(statSync(pki.at(name)).mode & 0o077).toBe(0)
  })
  test('a chain to be sent along', () => {
    const blocks = readPem(readFileSync(pki.at('clients/tpp-chain.pem'), 'latin1'), 'CERTIFICATE', 4)
    expect(blocks.ok && blocks.value.map((der) => der.equals(pki.certificate('intermediate').der))).toEqual([
      false,
      true,
    ])
  })
})

describe('its status', () => {
  let pki: ReturnType<typeof make>
  let url: string
  beforeAll(async () => {
    pki = make('ec')
    const started = await startPkiResponder(
      pki.directory,
      0,
      () => Date.now() / 1000,
      () => undefined,
    )
    if (!started.ok) throw new Error(started.problem)
    url = started.value.url
    return () => started.value.close()
  })
  const surroundings = {
    wall: () => Date.now() / 1000,
    monotonic: () => performance.now() / 1000,
    observe: () => undefined,
  }
  /** What our own client learns of it. */
  const ask = async (name: string, issuer = 'intermediate'): Promise<string> => {
    const ocsp = buildOcsp(
      { responder: url, hosts: [], maxAge: 3600, wait: 10, requireNonce: true },
      { ...surroundings, post: postBytes },
    )
    const word = await ocsp.judge(pki.certificate(name), pki.certificate(issuer), Date.now() / 1000)
    ocsp.close()
    return word.kind
  }
  const look = async (name: string, issuer = 'intermediate'): Promise<string> => {
    const urls = ['root', 'intermediate'].map((list) => `${url}/crl/${list}.crl`)
    const crls = buildCrls({ files: [], urls, hosts: [], maxAge: 3600, wait: 10 }, { ...surroundings, get: getBytes })
    await crls.first
    const word = await crls.judge(pki.certificate(name), pki.certificate(issuer), Date.now() / 1000)
    crls.close()
    return word.kind
  }
  const openssl = async (name: string, issuer = 'intermediate'): Promise<string> => {
    const order = ['ocsp', '-issuer', pki.at(`${issuer}.pem`), '-cert', pki.at(`${name}.pem`), '-url', `${url}/`]
    // The responder runs in this process, which has to go on meanwhile.
    const asked = promisify(execFile)('openssl', [...order, '-CAfile', pki.at('root.pem')], { timeout: 10_000 })
    const { stdout, stderr } = await asked
    if (!stderr.includes('Response verify OK')) return stderr
    return /: (good|revoked|unknown)/.exec(stdout)?.[1] ?? stdout
  }
  const change = (name: string, by: 'crl' | 'ocsp' | 'both'): void => {
    const read = readPki(pki.directory)
    const revoked = read.ok ? revoke(read.value.state, name, by, now) : read
    if (!read.ok || !revoked.ok) throw new Error('it cannot be revoked')
    const { state, files } = writeLists(revoked.value, read.value.authorities, now)
    writePkiFiles(pki.directory, [...files, stateFile(state)])
  }

  test('REV-03, REV-09, REV-10, REV-15 good and revoked, by list and by responder, signed as we and OpenSSL want it', async () => {
    expect([await ask('clients/tpp'), await look('clients/tpp'), await openssl('clients/tpp')]).toEqual([
      'good',
      'good',
      'good',
    ])
    expect([await ask('clients/revoked'), await look('clients/revoked')]).toEqual(['revoked', 'revoked'])
    expect([await ask('intermediate', 'root'), await look('intermediate', 'root')]).toEqual(['good', 'good'])
  })
  test('revoked from one moment to the next, by one of the two alone', async () => {
    change('plain', 'crl')
    expect([await ask('clients/plain'), await look('clients/plain')]).toEqual(['good', 'revoked'])
    change('payments-only', 'ocsp')
    expect([await ask('clients/payments-only'), await look('clients/payments-only')]).toEqual(['revoked', 'good'])
    change('plain', 'ocsp')
    expect([await ask('clients/plain'), await look('clients/plain')]).toEqual(['revoked', 'revoked'])
  })
  test('REV-14 unknown is what it did not issue', async () => {
    const issuer = readPki(pki.directory)
    if (!issuer.ok) throw new Error(issuer.problem)
    const order = { name: 'late', issuer: 'intermediate', usage: 'client', lasts: 3600 } as const
    const issued = issueCertificate(issuer.value.state, issuer.value.authorities, order, chance)
    writePkiFiles(pki.directory, issued.files)
    expect(await ask('clients/late')).toBe('unknown')
    writePkiFiles(pki.directory, [stateFile(issued.state)])
    expect(await ask('clients/late')).toBe('good')
  })
  test.each([
    ['an empty question', Buffer.of()],
    ['no question', Buffer.from('garbage')],
    ['a question that is too long', Buffer.alloc(20_000, 0x30)],
  ])('%s is answered 400', async (_, body) => {
    const response = await fetch(url, { method: 'POST', body })
    expect(response.status).toBe(400)
  })
  test('serves nothing but its lists', async () => {
    const statuses = await Promise.all(
      ['/root.key', '/crl/../root.key', '/crl/root.key', '/pki.json'].map(
        async (path) => (await fetch(url + path)).status,
      ),
    )
    expect(statuses).toEqual([400, 400, 400, 400])
  })
  test('whatever is asked, it answers or refuses, and never throws', () => {
    const read = readPki(pki.directory)
    if (!read.ok) throw new Error(read.problem)
    const known = [{ authority: read.value.authorities.root, issued: new Set<string>(), revoked: [] }]
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void answerOcsp(Buffer.from(bytes), known, now)),
    )
  })
})

describe('the writers agree with the reader', () => {
  test('numbers, identifiers and times', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 159n }), (number) => {
        const hex = number.toString(16)
        const { content } = parseDer(integer(Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')))
        expect(BigInt(`0x${content.toString('hex')}`)).toBe(number)
        expect((content[0] ?? 0) & 0x80).toBe(0)
      }),
    )
    fc.assert(
      fc.property(fc.nat(2), fc.nat(39), fc.array(fc.nat(2 ** 31 - 1), { maxLength: 8 }), (first, second, arcs) => {
        const dotted = [first, second, ...arcs].join('.')
        expect(oidOf(parseDer(oid(dotted)))).toBe(dotted)
      }),
    )
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 250_000_000_000 }), (seconds) => {
        expect(timeOf(parseDer(time(seconds)))).toBe(seconds)
      }),
    )
  })
  test('a certificate has the subject, names and validity it was made with', () => {
    const key = newKey('ed25519')
    const subject = fc.array(
      fc.tuple(
        fc.constantFrom('CN', 'O', 'OU', 'organizationIdentifier'),
        fc.stringMatching(/^[A-Za-z0-9 .äß-]{1,30}$/),
      ),
      {
        minLength: 1,
        maxLength: 6,
      },
    )
    fc.assert(
      fc.property(subject, fc.array(fc.domain(), { maxLength: 4 }), fc.nat(10 ** 9), (attributes, dns, notBefore) => {
        const content = {
          subject: attributes,
          serial: Buffer.of(7),
          usage: 'client',
          dns,
          notBefore,
          notAfter: notBefore + 5,
        } as const
        const reading = readCertificateDer(writeCertificate(content, key))
        if (!reading.ok) throw new Error(reading.problem)
        const { value } = reading
        expect(value.subject.attributes.map(({ text }) => text)).toEqual(attributes.map(([, text]) => text))
        expect(value.alternativeNames).toEqual(dns.map((name) => ({ type: 'dns', value: name })))
        expect([value.notBefore, value.notAfter, value.serial]).toEqual([notBefore, notBefore + 5, '07'])
      }),
      { numRuns: 50 },
    )
  })
})

test('a responder whose port is taken says so', async () => {
  const pki = make('ec')
  const started = await startPkiResponder(
    pki.directory,
    0,
    () => now,
    () => undefined,
  )
  if (!started.ok) throw new Error(started.problem)
  onTestFinished(() => started.value.close())
  const port = Number(new URL(started.value.url).port)
  expect(
    await startPkiResponder(
      pki.directory,
      port,
      () => now,
      () => undefined,
    ),
  ).toMatchObject({
    problem: expect.stringContaining('EADDRINUSE'),
  })
})
