import type { Config } from '../config.ts'
import { consentSettings } from '../config-consents.ts'
import { consentKey } from '../policies/consent-options.ts'
import type { ConsentSource } from '../ports.ts'
import { type Reading, read, unreadable } from '../verify/reading.ts'
import { readConsentFile } from './consent-file.ts'
import { readGrpcConsentService } from './consent-grpc.ts'
import { buildConsentLookups, type ConsentEvent, type LiveConsents } from './consent-lookups.ts'
import { readConsentService } from './consent-service.ts'
import type { Outbound } from './outbound.ts'

/** Who is asked about consents, by key, and those of them that are services, by where they are. */
export interface Consents {
  readonly sources: ReadonlyMap<string, ConsentSource>
  readonly services: readonly { readonly place: string; readonly lookups: LiveConsents }[]
}

interface ConsentSurroundings {
  readonly outbound: () => Outbound
  readonly monotonic: () => number
  readonly observe: (place: string) => (event: ConsentEvent) => void
}

/** New ones for each configuration: what was said under another one is not believed under this one. */
export function buildConsents(config: Config, surroundings: ConsentSurroundings): Reading<Consents> {
  const { outbound, monotonic, observe } = surroundings
  const sources = new Map<string, ConsentSource>()
  const services: { readonly place: string; readonly lookups: LiveConsents }[] = []
  for (const { at, options } of consentSettings(config)) {
    const key = consentKey(options)
    const { file, http, grpc } = options.source
    if (sources.has(key)) continue
    const spot = at.join('.')
    if (file !== undefined) {
      const consents = readConsentFile(file)
      if (!consents.ok) return unreadable(`${spot}.source.file: ${consents.problem}`)
      sources.set(key, consents.value)
    }
    const asked = http
      ? { place: http.url.replace('{id}', '-'), calls: readConsentService(http, outbound), kind: 'http' }
      : grpc && { place: grpc.url, calls: readGrpcConsentService(grpc, outbound), kind: 'grpc' }
    if (!asked) continue
    if (!asked.calls.ok) return unreadable(`${spot}.source.${asked.kind}: ${asked.calls.problem}`)
    const place = new URL(asked.place).host
    const { cache, states } = options
    const lookups = buildConsentLookups(asked.calls.value, { cache, states, monotonic, observe: observe(place) })
    sources.set(key, lookups)
    services.push({ place, lookups })
  }
  return read({ sources, services })
}
