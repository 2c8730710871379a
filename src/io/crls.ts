import { LRUCache } from 'lru-cache'
import type { StatusSource, StatusWord } from '../verify/certificate-status.ts'
import type { Certificate } from '../verify/x509/certificate.ts'
import { type Crl, MAX_CRL } from '../verify/x509/crl.ts'
import { isCurrent, judgeBySigned } from '../verify/x509/crl-status.ts'
import type { CrlEvent } from './crl-events.ts'
import { type CrlPlace, placeOf, readWholeFile, stampOf } from './crl-places.ts'
import { buildCrlReader, type CrlReader } from './crl-reader.ts'
import { buildCrlShelf } from './crl-shelf.ts'
import type { Fetched } from './fetch-outcome.ts'
import { type Schedule, scheduleTimer } from './keys.ts'
import { isListedPlace } from './status-places.ts'
import { timer } from './timer.ts'

/** Where the lists lie and what they are worth. Seconds. */
export interface CrlOptions {
  readonly files: readonly string[]
  readonly urls: readonly string[]
  /** Hosts whose lists may be fetched when a certificate names them. */
  readonly hosts: readonly string[]
  /** Lists that do not say when the next one comes count so long. */
  readonly maxAge: number
  /** A request waits so long at the most. */
  readonly wait: number
  /** Authorities of the configuration: their lists are verified as soon as they are read. */
  readonly issuers?: readonly Certificate[]
}

/** What lists need of the outside world, and tell it. Seconds; milliseconds for the limit of a fetch. */
export interface CrlSurroundings {
  readonly get: (url: string, limits: { readonly maxBytes: number; readonly timeout: number }) => Promise<Fetched>
  readonly wall: () => number
  readonly monotonic: () => number
  readonly observe: (event: CrlEvent) => void
  /** Timers, chance and threads of this process unless told. */
  readonly schedule?: Schedule
  readonly elapse?: typeof timer
  readonly chance?: () => number
  readonly reader?: CrlReader
}

/** Certificate revocation lists that are looked after. */
export interface LiveCrls extends StatusSource {
  /** Resolves when every configured file and URL was looked at once. */
  readonly first: Promise<void>
  /** Grows with each list that is taken over: what was concluded from those before may have changed. */
  readonly generation: number
  /** False while a configured file or URL has no list that counts now. */
  readonly available: boolean
  /** Of the configured files and URLs, in this order: when the list ends to count, seconds since 1970, if there is one. */
  readonly places: readonly { readonly source: string; readonly entries: number; readonly until: number | undefined }[]
  /** Reads every file and URL of the configuration again. */
  readonly reload: () => Promise<void>
  readonly close: () => void
}

/** Milliseconds for one fetch. */
const TIMEOUT = 5000
/** Fetches and readings at the same time, and requests that wait for them. */
const MAX_LOADS = 4
const MAX_WAITING = 256
/** Places that certificates name: so many are kept, of so many bytes altogether, and so many of one certificate looked at. */
const FOUND = { places: 64, bytes: 134_217_728, each: 4 }
/** Issuers whose lists are verified as soon as they come. */
const MAX_ISSUERS = 64
/** Files are looked at this often, and what failed is tried again after this time, seconds. */
const LOOK = 5
const RETRY = 30
/** What nobody known signed may be anything, so another try comes this soon, seconds. */
const DOUBT = 300
/** A list is fetched anew when this part of its time has passed, the least and how much of it is left to chance. */
const RENEWAL = { least: 0.5, spread: 0.3, most: 86_400 }

/** The lists of one configuration. Nobody waits for those it names; those that certificates name are fetched when met. */
export function buildCrls(options: CrlOptions, surroundings: CrlSurroundings): LiveCrls {
  const { get, wall, monotonic, observe, schedule = scheduleTimer, elapse = timer, chance = Math.random } = surroundings
  const reader = surroundings.reader ?? buildCrlReader()
  const build = (at: CrlPlace['at'], found: boolean): CrlPlace => placeOf(at, found, buildCrlShelf(options))
  const configured = [
    ...options.files.map((file) => build({ file }, false)),
    ...options.urls.map((url) => build({ url }, false)),
  ]
  const found = new LRUCache<string, CrlPlace>({
    max: FOUND.places,
    maxSize: FOUND.bytes,
    sizeCalculation: ({ shelf }) => shelf.bytes + 1024,
    dispose: ({ callOff }) => callOff(),
  })
  const issuers = new LRUCache<string, Certificate>({ max: MAX_ISSUERS })
  let loads = 0
  let waiting = 0
  let generation = 0
  let closed = false

  const tellOnce = (place: CrlPlace, kind: 'failed' | 'refused', problem: string): void => {
    if (place.problem !== problem) observe({ kind, source: place.source, problem })
    place.problem = problem
  }
  const known = (): readonly Certificate[] => [...(options.issuers ?? []), ...issuers.values()]
  const take = async (place: CrlPlace): Promise<void> => {
    const { at, shelf, source } = place
    if ('file' in at) place.stamp = await stampOf(at.file)
    const got = 'file' in at ? await readWholeFile(at.file) : await get(at.url, { maxBytes: MAX_CRL, timeout: TIMEOUT })
    if (!got.ok) return tellOnce(place, 'failed', got.problem)
    const lists = await reader.read(got.value, known())
    if (closed) return
    if (!lists.ok) return tellOnce(place, 'refused', lists.problem)
    const [problem] = await shelf.accept(lists.value, known(), wall())
    generation += 1
    if (problem !== undefined) return tellOnce(place, 'refused', problem)
    place.problem = undefined
    const { entries, bytes } = shelf
    observe({ kind: 'loaded', source, lists: shelf.lists, entries, bytes, until: shelf.until() ?? 0 })
  }
  /** Looks at a place now, unless that is under way; undefined when there is too much to do. */
  const load = (place: CrlPlace): Promise<void> | undefined => {
    if (place.loading || closed) return place.loading
    place.callOff()
    if (loads >= MAX_LOADS) {
      if (place.found) observe({ kind: 'busy', source: place.source })
      else place.callOff = schedule(1, () => void load(place))
      return undefined
    }
    loads += 1
    // What would be a bug must not end as a rejection that nobody handles.
    const bug = (): void => tellOnce(place, 'failed', 'the list could not be read')
    place.loading = take(place)
      .catch(bug)
      .then(() => {
        loads -= 1
        place.loading = undefined
        place.looked = true
        place.restsUntil = monotonic() + RETRY
        if (!closed) plan(place)
      })
    return place.loading
  }
  const plan = (place: CrlPlace): void => {
    const { at, shelf, problem } = place
    if ('file' in at) {
      place.callOff = schedule(LOOK, () => void lookAt(place, at.file))
      return
    }
    const left = (shelf.until() ?? 0) - wall()
    const part = left * (RENEWAL.least + RENEWAL.spread * chance())
    const most = shelf.verified ? RENEWAL.most : DOUBT
    const delay = problem === undefined ? Math.min(Math.max(part, RETRY), most) : RETRY
    if (!place.found) place.callOff = schedule(delay, () => void load(place))
    else if (found.peek(at.url) === place) {
      place.used = false
      place.callOff = schedule(delay, () => place.used && void load(place))
      // Its size is another one now.
      found.set(at.url, place)
    }
  }
  /** A file that is the same as before is not read again. */
  const lookAt = async (place: CrlPlace, file: string): Promise<void> => {
    const same = (await stampOf(file)) === place.stamp
    if (closed) return
    if (same) plan(place)
    else void load(place)
  }
  const placesFor = ({ distributionPoints }: Certificate): readonly CrlPlace[] => {
    const named = distributionPoints.filter(({ indirect }) => !indirect).flatMap(({ names }) => names)
    const urls = named.flatMap((name) =>
      name.type === 'uri' && isListedPlace(name.value, options.hosts) ? name.value : [],
    )
    const places = urls.slice(0, FOUND.each).map((url) => {
      const place = found.get(url) ?? build({ url }, true)
      if (!found.has(url)) found.set(url, place)
      place.used = true
      return place
    })
    return [...configured, ...places]
  }
  const say = (places: readonly CrlPlace[], certificate: Certificate, issuer: Certificate, now: number) => {
    const conclude = (lists: readonly (readonly Crl[])[]): StatusWord => {
      const word = judgeBySigned(certificate, issuer, lists.flat(), options, now)
      const old = (list: Crl): boolean => !isCurrent(list, options, now)
      if (word.kind === 'unavailable')
        for (const [index, { source }] of places.entries())
          if (lists[index]?.some(old)) observe({ kind: 'stale', source })
      return word
    }
    const signed = places.map(({ shelf }) => shelf.signedBy(issuer, now))
    return signed.some((one) => one instanceof Promise)
      ? Promise.all(signed).then(conclude)
      : conclude(signed as (readonly Crl[])[])
  }
  /** Without a list: a place that was never looked at, or not for a while, is looked at now, and waited for. */
  const wait = (places: readonly CrlPlace[]): Promise<unknown> | undefined => {
    const due = places.filter((place) => !place.looked || (place.found && monotonic() >= place.restsUntil))
    const looks = waiting < MAX_WAITING ? due.flatMap((place) => load(place) ?? []) : []
    if (looks.length === 0) return undefined
    waiting += 1
    const { elapsed, cancel } = elapse(options.wait * 1000)
    const late = elapsed.then(() => observe({ kind: 'late' }))
    return Promise.race([Promise.all(looks), late]).then(() => {
      waiting -= 1
      cancel()
    })
  }
  const reload = async (): Promise<void> => {
    for (const place of configured) {
      await place.loading
      await load(place)
    }
  }
  return {
    first: reload(),
    judge(certificate, issuer, now) {
      issuers.set(issuer.thumbprint, issuer)
      const places = placesFor(certificate)
      const settle = (word: StatusWord): StatusWord | Promise<StatusWord> => {
        const waited = word.kind === 'unavailable' ? wait(places) : undefined
        return waited?.then(() => say(places, certificate, issuer, now)) ?? word
      }
      const word = say(places, certificate, issuer, now)
      return word instanceof Promise ? word.then(settle) : settle(word)
    },
    get generation() {
      return generation
    },
    get available() {
      const now = wall()
      return configured.every(({ shelf }) => now <= (shelf.until() ?? Number.NEGATIVE_INFINITY))
    },
    get places() {
      return configured.map(({ source, shelf }) => ({ source, entries: shelf.entries, until: shelf.until() }))
    },
    reload,
    close: () => {
      closed = true
      // Requests of a configuration that was replaced still find what was there.
      for (const { callOff } of [...configured, ...found.values()]) callOff()
      reader.close()
      observe({ kind: 'closed' })
    },
  }
}
