import type { Certificate } from './certificate.ts'
import { type Element, listOf, malformed, partsOf, smallNumberOf } from './der.ts'
import { type GeneralName, generalNameOf, isHostName, isMailbox } from './general-name.ts'
import { attributesOf, isSameName } from './name.ts'
import { isWithin, touches } from './name-subtree.ts'

/** The names a CA may give, and those it may not (RFC 5280 section 4.2.1.10). Never both empty. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[]
  readonly excluded: readonly GeneralName[]
}

/** Subtrees of one kind in one certificate. */
const MAX_SUBTREES = 256
/** Names of one certificate, its subject among them. */
const MAX_NAMES = 256
/** Names times subtrees over all paths of one search: some hundredths of a second. */
const MAX_COMPARISONS = 100_000

/** How many comparisons a search may still make. */
export interface Comparisons {
  left: number
}
export const newComparisons = (): Comparisons => ({ left: MAX_COMPARISONS })

/** Reads the value of the extension, throwing `malformed`. Whether it is critical makes no difference to us. */
export function readNameConstraints(element: Element): NameConstraints {
  const parts = partsOf(element, 'the name constraints')
  const [permitted, excluded] = [parts.optional(0xa0), parts.optional(0xa1)]
  parts.end()
  if (!permitted && !excluded) malformed('the name constraints are empty')
  return Object.freeze({ permitted: subtreesOf(permitted, 0xa0), excluded: subtreesOf(excluded, 0xa1) })
}

function subtreesOf(element: Element | undefined, tag: number): readonly GeneralName[] {
  return element ? Object.freeze(listOf(element, 'a list of subtrees', MAX_SUBTREES, tag).map(subtreeOf)) : []
}

/** RFC 5280 has no use for the distances, and says that they are 0 and absent. */
function subtreeOf(element: Element): GeneralName {
  const parts = partsOf(element, 'a subtree')
  const base = baseOf(parts.any('the base of a subtree'))
  const minimum = parts.optional(0x80)
  if (parts.more() || (minimum && smallNumberOf(minimum) !== 0)) malformed('a subtree has distances')
  return base
}

/** A base of another form than these rules know would be compared wrongly, so that its certificate is not read. */
function baseOf(element: Element): GeneralName {
  const base = generalNameOf(element)
  const valid =
    (base.type === 'dns' && (base.value === '' || isHostName(base.value))) ||
    (base.type === 'email' && (isDomain(base.value) || isMailbox(base.value))) ||
    (base.type === 'uri' && isDomain(base.value)) ||
    (base.type === 'ip' && isNetwork(base.value)) ||
    !['dns', 'email', 'uri', 'ip'].includes(base.type)
  return valid ? base : malformed('the base of a subtree is of invalid form')
}

/** A host, or with a leading period everything below a domain. Empty: everything. */
const isDomain = (text: string): boolean => text === '' || isHostName(text.replace(/^\./, ''))

/** An address and as many bits of mask, ones before zeros (RFC 4632). */
function isNetwork(hex: string): boolean {
  const mask = hex.slice(hex.length / 2)
  return (hex.length === 16 || hex.length === 64) && /^f*[ec8]?0*$/.test(mask)
}

/** What the rules on names look at in a certificate. */
export type Named = Pick<Certificate, 'subject' | 'issuer' | 'alternativeNames' | 'nameConstraints'>

/**
 * Whether each name of a path may stand where it does (RFC 5280 sections 6.1.3 b, c and 6.1.4 g): undefined when they
 * all may, and otherwise a sentence for the log that holds none of the names. The leaf comes first and the anchor last;
 * the constraints of the anchor count too, its own names do not. A CA certificate that a CA gave to itself is exempt.
 * Each CA is asked by itself: a name has to lie in a permitted subtree of each one that permits names of its form.
 * A search that looks at several paths hands over the same count for all of them.
 * The common name of a subject is no host name here, because nothing in this product reads it as one.
 */
export function nameProblem(path: readonly Named[], comparisons = newComparisons()): string | undefined {
  for (const [index, certificate] of path.slice(0, -1).entries()) {
    if (index > 0 && isSameName(certificate.subject, certificate.issuer)) continue
    const constraints = path.slice(index + 1).flatMap((issuer) => issuer.nameConstraints ?? [])
    if (constraints.length === 0) continue
    const names = namesOf(certificate)
    if (names.length > MAX_NAMES) return `a certificate below name constraints has more than ${MAX_NAMES} names`
    const subtrees = constraints.reduce((sum, { permitted, excluded }) => sum + permitted.length + excluded.length, 0)
    comparisons.left -= names.length * subtrees
    if (comparisons.left < 0) return 'there are too many names and name constraints'
    for (const one of constraints) {
      for (const name of names) {
        const problem = problemOf(name, one)
        if (problem) return problem
      }
    }
  }
  return undefined
}

/** The alternative names, the subject unless it is empty, and the mail addresses in it. */
function namesOf({ subject, alternativeNames }: Named): readonly GeneralName[] {
  const directory = subject.attributes.length === 0 ? [] : [{ type: 'directory', name: subject } as const]
  const emails = attributesOf(subject, EMAIL_ADDRESS).map(
    // Text that is no mail address lies in no permitted subtree and touches each excluded one.
    ({ text = '' }) => ({ type: 'email', value: isMailbox(text) ? text : '' }) as const,
  )
  return [...directory, ...emails, ...alternativeNames]
}

const EMAIL_ADDRESS = '1.2.840.113549.1.9.1'

function problemOf(name: GeneralName, { permitted, excluded }: NameConstraints): string | undefined {
  const ofForm = ({ type }: GeneralName): boolean => type === name.type
  const allowed = permitted.filter(ofForm)
  const forbidden = excluded.filter(ofForm)
  if (allowed.length > 0 && !allowed.some((base) => isWithin(name, base)))
    return `a name of the form ${name.type} lies in no permitted subtree`
  return forbidden.some((base) => touches(name, base))
    ? `a name of the form ${name.type} lies in an excluded subtree`
    : undefined
}
