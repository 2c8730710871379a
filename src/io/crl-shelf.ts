import type { Certificate } from '../verify/x509/certificate.ts'
import type { Crl } from '../verify/x509/crl.ts'
import { type CrlRules, isCurrent, isListOf, isNewer, lastOf } from '../verify/x509/crl-status.ts'
import { isSameName } from '../verify/x509/name.ts'
import { isSignedWith, isSignedWithLater } from '../verify/x509/signature.ts'
import type { ReadList } from './crl-reader.ts'

/** The lists from one place. */
export interface CrlShelf {
  /** Takes lists over; returns what is wrong with those that are set aside. */
  readonly accept: (
    lists: readonly ReadList[],
    issuers: readonly Certificate[],
    now: number,
  ) => Promise<readonly string[]>
  /** The lists that this issuer signed; at once when that is known or quickly found out. */
  readonly signedBy: (issuer: Certificate, now: number) => readonly Crl[] | Promise<readonly Crl[]>
  /** When the first of them ends to count, seconds since 1970; undefined without any. */
  readonly until: () => number | undefined
  /** Whether a known issuer signed any of them. */
  readonly verified: boolean
  readonly lists: number
  readonly entries: number
  readonly bytes: number
}

/** A list and whose keys made its signature, by their hash. */
interface Kept {
  readonly list: Crl
  readonly signers: Map<string, boolean | Promise<boolean>>
}

/** Signatures over fewer bytes are verified at once. */
const SMALL = 65_536
/** Lists of a place, and keys that are remembered for each. */
const MAX_KEPT = 16
const MAX_SIGNERS = 16

/**
 * Keeps the last lists of a place that somebody signed. One that nobody known signed, or that is older, or counts no
 * longer, never takes the place of one that serves: on plain http everybody on the way could bring one.
 */
export function buildCrlShelf(rules: CrlRules): CrlShelf {
  let kept: Kept[] = []
  /** Read, but of an issuer that nobody has asked about. */
  let waiting: Kept[] = []

  const replace = (next: Kept, now: number): string | undefined => {
    const before = kept.filter((one) => isAlike(one, next))
    const better = before.find(({ list }) => !isNewer(next.list, list))
    if (better) return 'the CRL is older than the one before'
    const serves = before.some(({ list }) => isCurrent(list, rules, now))
    if (serves && !isCurrent(next.list, rules, now)) return 'the CRL does not count now'
    kept = [next, ...kept.filter((one) => !before.includes(one))].slice(0, MAX_KEPT)
    return isCurrent(next.list, rules, now) ? undefined : 'the CRL does not count now'
  }
  const promote = (one: Kept, now: number): void => {
    if (!waiting.includes(one)) return
    waiting = waiting.filter((other) => other !== one)
    replace(one, now)
  }
  return {
    async accept(lists, issuers, now) {
      const problems: string[] = []
      const unknown: Kept[] = []
      for (const { list, signers } of lists) {
        const next: Kept = { list, signers: new Map(signers) }
        const named = issuers.filter((issuer) => isListOf(list, issuer))
        const made = await Promise.all(named.map((issuer) => isMade(next, issuer)))
        if (named.length === 0) unknown.push(next)
        const problem = made.includes(true) ? replace(next, now) : named.length > 0 ? FORGED : undefined
        if (problem !== undefined) problems.push(problem)
      }
      // An operator may have changed the authority; somebody on the way may have brought anything.
      if (kept.length > 0 && unknown.length === lists.length) problems.push(STRANGE)
      waiting = unknown
      return problems
    },
    signedBy(issuer, now) {
      const named = [...kept, ...waiting].filter(({ list }) => isListOf(list, issuer))
      const made = named.map((one) => isMade(one, issuer))
      const choose = (outcomes: readonly boolean[]): readonly Crl[] => {
        const signed = named.filter((_, index) => outcomes[index])
        for (const one of signed) promote(one, now)
        return kept.filter((one) => signed.includes(one)).map(({ list }) => list)
      }
      return made.some((one) => typeof one !== 'boolean') ? Promise.all(made).then(choose) : choose(made as boolean[])
    },
    until() {
      const all = (kept.length > 0 ? kept : waiting).map(({ list }) => lastOf(list, rules))
      return all.length > 0 ? Math.min(...all) : undefined
    },
    get verified() {
      return kept.length > 0
    },
    get lists() {
      return kept.length + waiting.length
    },
    get entries() {
      return [...kept, ...waiting].reduce((sum, { list }) => sum + list.entries, 0)
    },
    get bytes() {
      return [...kept, ...waiting].reduce((sum, { list }) => sum + list.der.length + 8 * list.entries, 0)
    },
  }
}

const FORGED = 'the CRL is not signed by its issuer'
const STRANGE = 'the CRL is of an issuer that nobody has asked about'

/** Whether two lists are about the same: one issuer with one key, and one part of its certificates. */
function isAlike(one: Kept, other: Kept): boolean {
  const shared = [...one.signers].some(([pin, made]) => made === true && other.signers.get(pin) === true)
  return shared && isSameName(one.list.issuer, other.list.issuer) && one.list.scope.der.equals(other.list.scope.der)
}

function isMade({ list, signers }: Kept, { key }: Certificate): boolean | Promise<boolean> {
  const known = signers.get(key.pin)
  if (known !== undefined) return known
  if (signers.size >= MAX_SIGNERS) signers.clear()
  const note = (made: boolean): boolean => {
    signers.set(key.pin, made)
    return made
  }
  if (list.der.length < SMALL) return note(isSignedWith(list, key))
  const later = isSignedWithLater(list, key).then(note)
  signers.set(key.pin, later)
  return later
}
