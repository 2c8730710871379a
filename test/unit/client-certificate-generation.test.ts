import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { buildGeneration, closeSources, type Generation, type World } from '../../src/generation.ts'
import { showAuthorities } from '../../src/io/certificate-observation.ts'
import { sourcesOf } from '../../src/io/client-authorities.ts'
import { loadConfig } from '../../src/io/config-file.ts'
import { buildLog } from '../../src/io/log.ts'
import { buildMemory } from '../../src/memory.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { swap } from '../../src/reload.ts'
import { describeStatus, waitingFor } from '../../src/status.ts'
import type { Certificate } from '../../src/verify/x509/certificate.ts'
import { authority, clientExtensions, type Party, party } from '../support/chains.ts'
import { pemOf } from '../support/client-certificates.ts'
import { commandLine } from '../support/command-line.ts'
import { crlPem, entry, writeList } from '../support/crls.ts'
import { temporaryDirectory } from '../support/lifecycle-server.ts'
import { extension, extensions, hex } from '../support/ocsp-pki.ts'
import { answer, startPlainStub } from '../support/plain-stub.ts'
import { ISSUER, ORIGIN, serverJwks } from '../support/spine.ts'

const now = Math.floor(Date.now() / 1000)
const valid = { notBefore: now - 86_400, notAfter: now + 86_400 }
const signsBoth = extension('0603551d0f', hex('03020106'), true)
const ca = (name: string): Party =>
  authority(name, undefined, { ...valid, extensions: [extensions.authority, signsBoth] })
const root = ca('Root')
const other = ca('Other')
const client = (serial: string): Certificate =>
  party('client', root, { ...valid, serial, extensions: clientExtensions }).certificate

const listOf = (serials: readonly string[], by = root, until = now + 3600): string => {
  const holder = { certificate: by.certificate, key: by.keys.privateKey }
  const revoked = serials.map((serial) => entry(serial))
  return crlPem(writeList({ thisUpdate: now - 60, nextUpdate: until, revoked, by: holder }))
}

type Routes = readonly (object & { readonly path: string })[]
const asking = (clientCertificate: object, path = '/accounts') => ({ path, clientCertificate })
const hard = (...files: readonly string[]) => ({ crl: 'hard', files })

/** A configuration with these routes, its files, and what becomes of it. */
function start(routes: Routes, files: Readonly<Record<string, string>> = {}, outbound: object = {}) {
  const directory = temporaryDirectory()
  const place = (name: string): string => join(directory, name)
  const file = place('c.yaml')
  const put = (name: string, text: string): void => {
    writeFileSync(place(`${name}.new`), text)
    renameSync(place(`${name}.new`), place(name))
  }
  const write = (next: Routes, calls: object = outbound): void =>
    put(
      'c.yaml',
      JSON.stringify({
        publicOrigins: [ORIGIN],
        authorizationServers: [{ name: 'as', issuer: ISSUER, keys: { file: 'jwks.json' } }],
        routes: next,
        outbound: calls,
      }),
    )
  write(routes)
  put('jwks.json', JSON.stringify(serverJwks))
  put('ca.pem', pemOf(root.certificate))
  for (const [name, text] of Object.entries(files)) put(name, text)
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const told: Record<string, unknown>[] = []
  const log = buildLog('info', { write: (line) => void told.push(JSON.parse(line) as Record<string, unknown>) })
  const world: World = {
    ...{ file, environment: {}, memory: buildMemory(loaded.config), metrics: buildMetrics(), log },
    observeKeys: () => undefined,
  }
  const built = buildGeneration(loaded, undefined, world)
  let current: Generation | undefined = built.ok ? built.value : undefined
  onTestFinished(() => void (current && closeSources(current)))
  const get = (): Generation => {
    if (!current) throw new Error(built.ok ? '' : built.problem)
    return current
  }
  const reload = async (): Promise<void> => {
    current = await swap(get(), world)
  }
  const all = () => [...get().clientAuthorities.values()]
  const first = () => all()[0]?.sources.crls
  const looked = async (): Promise<void> => {
    for (const { crls } of sourcesOf(get().clientAuthorities)) await crls?.first
  }
  const status = () =>
    describeStatus({ phase: 'ready', lastChange: 'applied', waitingFor: [] }, get(), world.memory).body
  const series = async (name: string): Promise<readonly string[]> => {
    showAuthorities(world.metrics, get().clientAuthorities, Date.now() / 1000)
    const text = await world.metrics.registry.metrics()
    return text.split('\n').filter((line) => line.startsWith(`envoy_fapi_${name}`))
  }
  return { built, get, put, write, reload, all, crls: first, looked, status, series, told, world, directory }
}

describe('X5-17 files of authorities', () => {
  test('are read, watched, and say whom a policy trusts', () => {
    const { all, get } = start([asking({ ca: 'ca.pem' })])
    expect(all()).toHaveLength(1)
    expect(all()[0]?.trust.anchors.map(({ thumbprint }) => thumbprint)).toEqual([root.certificate.thumbprint])
    expect(get().loaded.files.some((file) => file.endsWith('ca.pem'))).toBe(true)
  })
  test.each([
    ['nothing in it', 'no certificate here', /ca\[0\]: .*ca\.pem: it holds no CERTIFICATE block/],
    [
      'a private key',
      `${pemOf(root.certificate)}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----`,
      /something else/,
    ],
    [
      'a certificate that cannot be read',
      pemOf({ der: root.certificate.der.subarray(0, -1) }),
      /certificate 1 cannot be read/,
    ],
    [
      'the certificate of a client',
      pemOf(root.certificate) + pemOf(client('05')),
      /certificate 2 \(CN=client\) is that of no authority; list its thumbprint under pinned: [A-Za-z0-9_-]{43}/,
    ],
  ])('are refused with %s, at the start, by a reload and by config check', async (_, text, problem) => {
    const bad = start([asking({ ca: 'ca.pem' })], { 'ca.pem': text })
    expect(bad.built.ok ? '' : bad.built.problem).toMatch(problem)

    const good = start([asking({ ca: 'ca.pem' })])
    const before = good.get()
    good.put('ca.pem', text)
    await good.reload()
    expect(good.get()).toBe(before)
    expect(JSON.stringify(good.told)).toContain('configuration refused, the last good one stays')

    const checked = await commandLine(['config', 'check', join(good.directory, 'c.yaml')])
    expect(checked.code).toBe(2)
    expect(checked.err).toMatch(/routes\[0\]\.clientCertificate\.ca\[0\]/)
  })
  test('take effect all at once when they change', async () => {
    const { all, put, reload } = start([asking({ ca: 'ca.pem' })])
    const [before] = all()
    put('ca.pem', pemOf(other.certificate))
    await reload()
    const [after] = all()
    expect(before?.trust.anchors[0]?.thumbprint).toBe(root.certificate.thumbprint)
    expect(after?.trust.anchors[0]?.thumbprint).toBe(other.certificate.thumbprint)
    expect(after?.judged).not.toBe(before?.judged)
  })
})

describe('REV-19 lists in files', () => {
  const lists = { 'root.crl': listOf(['05']) }
  const routes = [asking({ ca: 'ca.pem', revocation: hard('root.crl') })]
  const judge = async ({ crls }: ReturnType<typeof start>, serial: string) =>
    (await crls()?.judge(client(serial), root.certificate, Date.now() / 1000))?.kind

  test('say who was revoked', async () => {
    const started = start(routes, lists)
    await started.looked()
    expect([await judge(started, '05'), await judge(started, '06')]).toEqual(['revoked', 'good'])
    expect(started.get().loaded.files.some((file) => file.endsWith('root.crl'))).toBe(false)
  })
  test('a list that is replaced takes effect without a new configuration, and ends what was remembered', async () => {
    const started = start(routes, lists)
    await started.looked()
    const [authorities] = started.all()
    const before = authorities?.generation() ?? 0
    started.put('root.crl', listOf(['05', '06']))
    await started.crls()?.reload()
    expect(await judge(started, '06')).toBe('revoked')
    expect(authorities?.generation()).toBeGreaterThan(before)
  })
  test('are shared by all routes that ask the same of the same, and outlive a change of anything else', async () => {
    const two = [...routes, asking({ ca: 'ca.pem', roles: ['PSP_AI'], revocation: hard('root.crl') }, '/payments')]
    const started = start(two, lists)
    await started.looked()
    expect(started.all()).toHaveLength(2)
    expect(sourcesOf(started.get().clientAuthorities).size).toBe(1)
    const kept = started.crls()
    started.write([asking({ ca: 'ca.pem', eku: ['clientAuth', 'any'], revocation: hard('root.crl') })])
    await started.reload()
    expect(started.all()).toHaveLength(1)
    expect(started.crls()).toBe(kept)
    expect(await judge(started, '05')).toBe('revoked')
  })
  test('are those of the authorities they are for: with others the lists are read anew', async () => {
    const started = start(routes, lists)
    await started.looked()
    const before = started.crls()
    started.put('ca.pem', pemOf(root.certificate) + pemOf(other.certificate))
    await started.reload()
    expect(started.crls()).not.toBe(before)
    expect(await judge(started, '05')).toBe('revoked')
  })
  test('a new place without a list that counts does not replace a good one where the mode is hard', async () => {
    const started = start(routes, { ...lists, 'old.crl': listOf([], root, now - 10) })
    await started.looked()
    const before = started.get()
    started.write([asking({ ca: 'ca.pem', revocation: hard('old.crl') })])
    await started.reload()
    expect(started.get()).toBe(before)
    expect(JSON.stringify(started.told)).toContain('no revocation list of route accounts that counts now')
    expect(await judge(started, '05')).toBe('revoked')
  })
  test('and does where it is soft, which /readyz says', async () => {
    const started = start(routes, { ...lists, 'old.crl': listOf([], root, now - 10) })
    await started.looked()
    started.write([asking({ ca: 'ca.pem', revocation: { crl: 'soft', files: ['old.crl'] } })])
    await started.reload()
    expect(started.status().softRevocation).toEqual(['client certificates of accounts'])
    expect(started.status().degraded).toContainEqual(
      expect.stringMatching(/^revocation list .*old\.crl: none that counts now, certificates pass unchecked$/),
    )
  })
  test('what is known to be revoked is not forgotten for a soft list that does not come again', async () => {
    const soft = (more: object = {}) => [
      asking({ ca: 'ca.pem', revocation: { crl: 'soft', files: ['root.crl'], ...more } }),
    ]
    const started = start(soft(), lists)
    await started.looked()
    const before = started.get()
    started.put('root.crl', 'garbage')
    started.write(soft({ maxAge: '2h' }))
    await started.reload()
    expect(started.get()).toBe(before)
    expect(await judge(started, '05')).toBe('revoked')
    started.put('root.crl', listOf(['05']))
    await started.reload()
    expect(started.get()).not.toBe(before)
    expect(await judge(started, '05')).toBe('revoked')
  })
  test('a soft list that does not come refuses nothing, though a responder is hard', async () => {
    const started = start([asking({ ca: 'ca.pem' })], { 'old.crl': listOf([], root, now - 10) })
    const before = started.get()
    const revocation = { crl: 'soft', files: ['old.crl'], ocsp: 'hard', responder: 'http://127.0.0.1:9' }
    started.write([asking({ ca: 'ca.pem', revocation })])
    await started.reload()
    expect(started.get()).not.toBe(before)
  })
  test('a start waits for them a while, and /readyz names what is missing', async () => {
    const started = start(routes, { 'root.crl': listOf([], root, now - 10) })
    expect(waitingFor(started.get(), started.world.memory)).toContain('revocation lists of client certificates')
    await started.looked()
    expect(started.status().softRevocation).toEqual([])
    expect(started.status().degraded).toContainEqual(
      expect.stringMatching(/root\.crl: none that counts now, certificates may be answered 503$/),
    )
  })
  test('have metrics by the place in the configuration, and a line in the log', async () => {
    const started = start(routes, lists)
    await started.looked()
    expect(await started.series('crl_entries')).toEqual([expect.stringMatching(/source=".*root\.crl"\} 1$/)])
    expect(await started.series('crl_next_update_timestamp_seconds')).toEqual([
      expect.stringContaining(`} ${now + 3600}`),
    ])
    expect(await started.series('dependency_up')).toEqual([expect.stringMatching(/revocation list .*root\.crl"\} 1$/)])
    await vi.waitFor(() => expect(JSON.stringify(started.told)).toContain('revocation list loaded'))
    started.put('root.crl', 'garbage')
    await started.crls()?.reload()
    expect(await started.series('crl_events_total')).toEqual(
      expect.arrayContaining([
        'envoy_fapi_crl_events_total{result="refused"} 1',
        'envoy_fapi_crl_events_total{result="loaded"} 1',
      ]),
    )
    expect(JSON.stringify(started.told)).toContain('revocation list refused')
  })
})

describe('where lists are fetched', () => {
  const listServer = async () => {
    const stub = await startPlainStub((_, response) =>
      answer(
        response,
        'application/pkix-crl',
        Buffer.from(listOf(['05']).replaceAll(/-----[^-]+-----|\s/g, ''), 'base64'),
      ),
    )
    onTestFinished(() => stub.close())
    return stub
  }
  const fetching = (url: string) => [asking({ ca: 'ca.pem', revocation: { crl: 'hard', urls: [url] } })]

  test('is where the new configuration lets calls go, from the first one on', async () => {
    const stub = await listServer()
    const started = start([asking({ ca: 'ca.pem' })], {}, { allow: ['elsewhere.example'] })
    started.write(fetching(`${stub.origin}/root.crl`), { allow: ['127.0.0.1'] })
    await started.reload()
    expect(started.crls()?.available).toBe(true)
    expect(stub.asked).toHaveLength(1)
  })
  test('is where the one before lets them go when the new one is refused', async () => {
    const stub = await listServer()
    const started = start(fetching(`${stub.origin}/root.crl`), {}, { allow: ['127.0.0.1'] })
    await started.looked()
    started.write(fetching(`${stub.origin}/other.crl`), { allow: ['elsewhere.example'] })
    await started.reload()
    expect(JSON.stringify(started.told)).toContain('configuration refused, the last good one stays')
    expect(started.world.memory.outbound.allow).toEqual([
      { kind: 'range', address: '127.0.0.1', prefix: 32, family: 'ipv4' },
    ])
    await started.crls()?.reload()
    expect(started.crls()?.available).toBe(true)
    expect(stub.asked).toHaveLength(2)
  })
})

test('X5-16 what one configuration heard to be revoked ends what another remembers', async () => {
  const ocsp = (wait: string) =>
    asking({ ca: 'ca.pem', revocation: { ocsp: 'hard', responder: 'http://127.0.0.1:9', wait } }, `/${wait}`)
  const started = start([ocsp('100ms'), ocsp('200ms')])
  const generations = () => started.all().map(({ generation }) => generation())
  const before = generations()
  started.world.memory.revokedCertificates.changes += 1
  expect(generations()).toEqual(before.map((one) => one + 1))
  expect(sourcesOf(started.get().clientAuthorities).size).toBe(2)
})

test('config check tells that nobody is asked, or that a word may be missing', async () => {
  const { directory } = start([
    asking({ ca: 'ca.pem' }, '/a'),
    asking({ ca: 'ca.pem', revocation: { ocsp: 'soft', responder: 'http://ocsp.bank.example' } }, '/b'),
    asking({ pinned: ['a'.repeat(64)] }, '/c'),
  ])
  const { out } = await commandLine(['config', 'check', join(directory, 'c.yaml')])
  expect(out).toContain('route a: nobody is asked whether client certificates were revoked')
  expect(out).toContain('route b: ocsp is soft, so a revoked certificate passes while nothing can be learned')
  expect(out).not.toContain('route c: ')
})

const byThisEnvoy = { source: 'xfcc', xfcc: { writtenBy: 'thisEnvoy' } }
const previousHop = { source: 'xfcc', xfcc: { writtenBy: 'previousHop', trustedProxies: ['10.0.0.0/8'] } }
const clientCert = { source: 'client-cert', clientCert: { trustedProxies: ['10.0.0.0/8'] } }
test.each([
  [{ source: 'connection' }, 'Envoy hands on no intermediates that clients send (source: connection)'],
  [byThisEnvoy, 'when Envoy has set_current_client_cert_details: { cert: true, chain: true }'],
  [previousHop, 'when the proxy has set_current_client_cert_details with chain: true'],
  [clientCert, 'when the proxy writes Client-Cert-Chain'],
])(
  'config check tells what becomes of the intermediates that clients send: %j',
  async (clientCertificateFrom, note) => {
    const { directory } = start([
      asking({ ca: 'ca.pem' }, '/a'),
      asking({ ca: 'ca.pem', intermediates: 'ca.pem' }, '/b'),
      asking({ pinned: ['a'.repeat(64)] }, '/c'),
    ])
    const file = join(directory, 'c.yaml')
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), clientCertificateFrom }))
    const { out } = await commandLine(['config', 'check', file])
    const told = out.split('\n').filter((line) => line.includes('intermediates that clients send'))
    expect(told).toEqual([expect.stringMatching(/^note: route a: /)])
    expect(told[0]).toContain(note)
  },
)
