import type { Config } from '../config.ts'
import { consentSettings } from '../config-consents.ts'
import { consentKey } from '../policies/consent-options.ts'
import type { ConsentSource, ConsentStatement } from '../ports.ts'
import { readConsent } from '../verify/consent-record.ts'
import { secondsOf, type ToldConsent } from './cases-schema.ts'

/** The built-in consent service: it stands where services and files would be asked. */
export interface TrialConsents {
  readonly sources: ReadonlyMap<string, ConsentSource>
  /** What is said from now on; what was used up stays so until the next case. */
  readonly tell: (consents: Readonly<Record<string, ToldConsent>>, sender: Sender) => void
  readonly begin: () => void
}

interface Sender {
  readonly id: string
  readonly subject: string
}

export function buildTrialConsents(config: Config, clock: { readonly now: number }): TrialConsents {
  let told = new Map<string, ToldConsent>()
  let owner: Sender = { id: '', subject: '' }
  let toldAt = 0
  const used = new Map<string, string>()
  const [server] = config.authorizationServers

  const find = (id: string): ConsentStatement => {
    const one = told.get(id)
    if (one === undefined || one === 'absent') return { kind: 'absent' }
    if (one === 'unavailable') return { kind: 'unavailable', detail: 'the case says so' }
    const { state, issuer = server?.issuer, clientId = owner.id, subject = owner.subject, expires, ...rest } = one
    const record = readConsent({
      ...{ consentId: id, issuer, clientId, subject, ...rest },
      state: used.has(id) ? 'CONSUMED' : state,
      ...(expires !== undefined && { expiresAt: toldAt + secondsOf(expires) }),
    })
    return record.ok ? { kind: 'found', record: record.value } : { kind: 'unavailable', detail: record.problem }
  }
  const source: ConsentSource = {
    find: ({ id }) => find(id),
    consume({ id }, key) {
      if ((used.get(id) ?? key) !== key) return { kind: 'spent' }
      used.set(id, key)
      return find(id)
    },
  }
  return {
    sources: new Map(consentSettings(config).map(({ options }) => [consentKey(options), source])),
    tell(consents, sender) {
      told = new Map(Object.entries(consents))
      owner = sender
      toldAt = clock.now
    },
    begin() {
      told = new Map()
      used.clear()
    },
  }
}
