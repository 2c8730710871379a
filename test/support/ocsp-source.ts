import type { Fetched } from '../../src/io/fetch-outcome.ts'
import { buildOcsp, type OcspEvent, type OcspOptions, type OcspSurroundings } from '../../src/io/ocsp.ts'
import type { StatusWord } from '../../src/verify/certificate-status.ts'
import type { Certificate } from '../../src/verify/x509/certificate.ts'
import { stillClock } from './clock.ts'
import { buildBell, buildPatience } from './key-sources.ts'
import { client, issuer, NOW } from './ocsp-pki.ts'

const ocspOptions = (difference: Partial<OcspOptions> = {}): OcspOptions => ({
  ...{ hosts: ['ocsp.example.com'], maxAge: 7200, wait: 0.15, requireNonce: false },
  ...difference,
})

export const given = (der: Buffer): Fetched => ({ ok: true, value: der })
export const lost = (status?: number): Fetched => ({
  ...{ ok: false, problem: 'lost on the way' },
  ...(status !== undefined && { status }),
})

type Supply = (url: string, body: Buffer) => Fetched | Promise<Fetched>

/** Responders on clocks, timers and chance of our own, with a network that is a function. */
export function holdOcsp(supply: Supply, difference: Partial<OcspOptions> = {}, more: Partial<OcspSurroundings> = {}) {
  const events: OcspEvent[] = []
  const urls: string[] = []
  const { monotonic, pass } = stillClock()
  const bell = buildBell()
  const patience = buildPatience()
  let wall = NOW - 1000
  let source = supply
  const wallNow = (): number => wall + monotonic()
  const ocsp = buildOcsp(ocspOptions(difference), {
    post: (url, { body }) => {
      urls.push(url)
      return Promise.resolve(source(url, body))
    },
    wall: wallNow,
    monotonic,
    schedule: bell.schedule,
    // Nobody's patience ends before a test says so.
    elapse: patience.wait,
    chance: () => 0.5,
    observe: (event) => events.push(event),
    ...more,
  })
  const judge = (certificate: Certificate = client, by: Certificate = issuer.certificate) =>
    ocsp.judge(certificate, by, wallNow())
  const ask = async (certificate?: Certificate, by?: Certificate): Promise<string> =>
    (await judge(certificate, by)).kind
  /** What is said without waiting; undefined when it takes waiting. */
  const askNow = (certificate?: Certificate): string | undefined => {
    const word: StatusWord | Promise<StatusWord> = judge(certificate)
    return word instanceof Promise ? undefined : word.kind
  }
  const change = (to: Supply): void => {
    source = to
  }
  /** Sets the clock of the wall alone. */
  const turn = (seconds: number): void => {
    wall += seconds
  }
  const kinds = (): readonly string[] => events.map(({ kind }) => kind)
  return {
    generation: () => ocsp.generation,
    ocsp,
    judge,
    ask,
    askNow,
    change,
    turn,
    now: wallNow,
    pass,
    bell,
    patience,
    events,
    kinds,
    urls,
  }
}

/** Until what was under way has come to its end. */
export const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
