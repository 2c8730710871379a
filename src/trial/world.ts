import { buildAssertion } from '../assertion.ts'
import { buildRules } from '../build.ts'
import { buildCheck, type DecisionRecord, type Rules } from '../check.ts'
import type { Config } from '../config.ts'
import { loadProtos } from '../io/protos.ts'
import { memoryReplays } from '../io/replays.ts'
import type { Cache, Nonces, ReplayStore } from '../ports.ts'
import { buildNonces } from '../verify/nonce.ts'
import type { CheckRequest, CheckResponse } from '../wire.ts'
import { buildTrialAuthorities, policiesOf } from './authorities.ts'
import { type Cases, momentOf } from './cases-schema.ts'
import { type BuiltInAuthority, buildAuthority, buildCertificate } from './certificate.ts'
import { buildTrialConsents, type TrialConsents } from './consents.ts'
import { buildKeyring } from './keys.ts'
import type { Holder } from './minting.ts'
import { buildServers, type TrialServers } from './servers.ts'

/** How a request ended, as Envoy is told and as it was decided. */
export interface Answered {
  readonly response: CheckResponse
  readonly record: DecisionRecord
}

/** A configuration under trial: everything it decides with is the real thing, everything it asks is built in. */
export interface World {
  readonly config: Config
  readonly rules: Rules
  readonly servers: TrialServers
  readonly keyring: ReturnType<typeof buildKeyring>
  readonly nonces: Nonces
  readonly consents: TrialConsents
  readonly clock: { now: number }
  /** A new name for a token, a proof or a request. */
  readonly id: () => string
  readonly holder: (client: string) => Holder
  /** Forgets used proofs and sets clock and counter, so that no case depends on those before it. */
  readonly begin: (now: number) => void
  /** Sends a Check through the real messages both ways. Throws what went wrong inside. */
  readonly ask: (request: CheckRequest) => Promise<Answered>
}

export function buildWorld(config: Config, cases: Cases): World {
  const clock = { now: momentOf(cases.now, 0) }
  const { begin, replays } = buildReplays(config, clock)
  const keyring = buildKeyring()
  const servers = buildServers(config, keyring)
  // Known since ever, so that the first secret signs.
  const since = Number.NEGATIVE_INFINITY
  const secrets = (config.nonces.secrets ?? ['policy tests']).map((secret) => ({ secret, since }))
  const nonces = buildNonces({ secrets, step: config.nonces.step, monotonic: () => 0 })
  const authority = buildAuthority(keyring('authority of clients', 'Ed25519'), momentOf(cases.now, 0))
  const holder = holders(cases, keyring, authority, policiesOf(config))
  const clientAuthorities = buildTrialAuthorities(config, cases, authority, holder)
  const consents = buildTrialConsents(config, clock)
  const ports = {
    ...{ servers: servers.ports, clientAuthorities, consents: consents.sources, replays, nonces },
    ...{ proofKeys: forgetful, signedTokens: forgetful },
  }
  let count = 0
  const id = (): string => `00000000-0000-4000-8000-${String(++count).padStart(12, '0')}`
  const rules = withAssertion(buildRules(config, 'trial', ports), config, keyring, () => ({ now: clock.now, id: id() }))

  const records: DecisionRecord[] = []
  const faults: unknown[] = []
  const check = buildCheck({
    rules: () => rules,
    now: () => clock.now,
    monotonic: () => clock.now,
    uuid: id,
    observe: (record) => void records.push(record),
    report: (error) => void faults.push(error),
    timer: () => ({ elapsed: Promise.withResolvers<void>().promise, cancel: () => {} }),
  })
  const { Check } = loadProtos().authorization
  return {
    config,
    rules,
    servers,
    keyring,
    nonces,
    consents,
    clock,
    id,
    holder,
    begin(now) {
      clock.now = now
      count = 0
      begin()
      consents.begin()
    },
    async ask(request) {
      const received = Check.requestDeserialize(Check.requestSerialize(request))
      const response = await check(received, { peer: 'local', budget: 1000 })
      const [fault] = faults.splice(0)
      if (fault !== undefined) throw fault
      const record = records.pop()
      if (!record) throw new Error('nothing was recorded')
      return { response: Check.responseDeserialize(Check.responseSerialize(response)), record }
    },
  }
}

const forgetful: Cache<never> = { get: () => undefined, set: () => {} }

/** The memory of one replica that has been running for a while; a new one for each case. */
function buildReplays({ stores }: Config, clock: { readonly now: number }) {
  const now = (): number => clock.now
  const open = () =>
    memoryReplays({ capacity: stores.replayCapacity, afterRestart: 'accept', maxFuture: 60, wall: now, monotonic: now })
  let current = open()
  const replays: ReplayStore = { claim: (...claim) => current.claim(...claim) }
  const begin = (): void => {
    current.close()
    current = open()
  }
  return { replays, begin }
}

function withAssertion(
  rules: Rules,
  { identity: { assertion } }: Config,
  keyring: ReturnType<typeof buildKeyring>,
  stamp: () => { readonly now: number; readonly id: string },
): Rules {
  if (!assertion) return rules
  const { privateKey, thumbprint } = keyring('assertion', 'ES256')
  const signer = { key: privateKey, algorithm: 'ES256', keyId: thumbprint } as const
  return {
    ...rules,
    identity: { ...rules.identity, assert: (admission) => buildAssertion(admission, signer, assertion, stamp()) },
  }
}

/** Clients with their keys and certificates, made when they are first needed. */
function holders(
  { clients, now }: Cases,
  keyring: ReturnType<typeof buildKeyring>,
  authority: BuiltInAuthority,
  asked: readonly string[],
): World['holder'] {
  const made = new Map<string, Holder>()
  return (name) => {
    const known = made.get(name)
    if (known) return known
    const { id = name, subject = 'user-1', algorithm = 'ES256', certificate } = clients[name] ?? {}
    const { trusted = true } = certificate ?? {}
    const policies = certificate?.policies ?? [...asked]
    const content = { uris: [], dns: [], ...certificate, name: certificate?.name ?? name, policies }
    const certificateKey = keyring(`certificate ${name}`, 'Ed25519')
    const holder = {
      id,
      subject,
      algorithm,
      key: keyring(`client ${name}`, algorithm),
      certificate: buildCertificate(content, certificateKey, momentOf(now, 0), trusted ? authority : undefined),
    }
    made.set(name, holder)
    return holder
  }
}
