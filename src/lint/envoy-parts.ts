import { at, inside, isMembers, items, members, present, type Spot, textOf } from './spot.ts'

/** A piece of Envoy configuration: a whole file, or a patch, in which what is absent says nothing. */
export interface EnvoyPart extends Spot {
  readonly whole: boolean
}

/** A message found in a part. */
interface Message extends Spot {
  readonly whole: boolean
}

/** `ExtAuthz` of `type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz`. */
export function typeOf({ value }: Spot): string {
  const type = isMembers(value) ? value['@type'] : undefined
  return typeof type === 'string' ? (type.split('.').at(-1) ?? '') : ''
}

/** Every message of a type, each once. */
export const messages = (parts: readonly EnvoyPart[], type: string): readonly Message[] =>
  parts.flatMap((part) =>
    inside(part)
      .filter((spot) => typeOf(spot) === type)
      .map((spot) => ({ ...spot, whole: part.whole })),
  )

/** The HTTP filters of a connection manager, in order. */
export const filtersOf = (manager: Spot): readonly Spot[] =>
  items(at(manager, 'http_filters')).map((filter) => at(filter, 'typed_config'))

/** Whether a connection manager asks an authorization service. */
const asks = (manager: Spot): boolean => filtersOf(manager).some((filter) => typeOf(filter) === 'ExtAuthz')

const managersOf = (parts: readonly EnvoyPart[]): readonly Message[] => messages(parts, 'HttpConnectionManager')

/** The connection managers that are ours to judge: those that ask, and every one that is only patched. */
export const managers = (parts: readonly EnvoyPart[]): readonly Message[] =>
  managersOf(parts).filter((manager) => !manager.whole || asks(manager))

/** The connection managers of whole files past which nobody is asked: when none asks, or another does for the same upstream. */
export const unguarded = (parts: readonly EnvoyPart[]): readonly Message[] => {
  const whole = managersOf(parts).filter((manager) => manager.whole)
  const asking = whole.filter(asks)
  const guarded = asking.flatMap(upstreamsOf)
  return whole
    .filter((manager) => !asks(manager))
    .filter((manager) => asking.length === 0 || upstreamsOf(manager).some((name) => guarded.includes(name)))
}

/** The clusters that a connection manager routes to. */
export const upstreamsOf = (manager: Spot): readonly string[] =>
  inside(manager)
    .map((spot) => textOf(at(spot, 'route', 'cluster')))
    .filter((name) => name !== '')

/** Everything inside the connection managers that are ours, and inside every part that has none. */
export function surroundings(parts: readonly EnvoyPart[]): readonly Message[] {
  const judged = managers(parts)
  return [
    ...judged.flatMap((manager) => inside(manager).map((spot) => ({ ...spot, whole: manager.whole }))),
    ...parts
      .filter((part) => managersOf([part]).length === 0)
      .flatMap((part) => inside(part).map((spot) => ({ ...spot, whole: part.whole }))),
  ]
}

/** The ext_authz filters that are ours to judge. */
export const authzFilters = (parts: readonly EnvoyPart[]): readonly Message[] =>
  surroundings(parts).filter((spot) => typeOf(spot) === 'ExtAuthz')

/** Those where a switch is not on: off, or absent in a whole file. The place is that of the switch. */
export const switchedOff = (spots: readonly Message[], ...names: readonly string[]): readonly Spot[] =>
  spots
    .map((spot) => ({ whole: spot.whole, found: at(spot, ...names) }))
    .filter(({ whole, found }) => (present(found) ? found.value !== true : whole))
    .map(({ found }) => found)

/** Those where a switch is on. */
export const switchedOn = (spots: readonly Spot[], ...names: readonly string[]): readonly Spot[] =>
  spots.map((spot) => at(spot, ...names)).filter(({ value }) => value === true)

/** Those where a choice is another, or absent in a whole file. */
export const otherwise = (spots: readonly Message[], name: string, wanted: readonly string[]): readonly Spot[] =>
  spots
    .map((spot) => ({ whole: spot.whole, found: at(spot, name) }))
    .filter(({ whole, found }) => (present(found) ? !wanted.includes(textOf(found)) : whole))
    .map(({ found }) => found)

/** Whether Envoy itself answers for exactly this path of a route, so that no upstream is reached. */
export const answered = (route: Spot): boolean =>
  present(at(route, 'match', 'path')) && present(at(route, 'direct_response'))

/** Whether an RBAC filter lets nothing pass that our service did not let in. */
export function demandsDecision(filter: Spot): boolean {
  if (typeOf(filter) !== 'RBAC') return false
  const rules = at(filter, 'rules')
  const policies = members(at(rules, 'policies'))
  const principals = policies.flatMap((policy) => items(at(policy, 'principals')))
  const allows = ['', 'ALLOW', '0'].includes(textOf(at(rules, 'action')))
  return allows && principals.length > 0 && principals.every(isDecision)
}

function isDecision(principal: Spot): boolean {
  if (items(at(principal, 'and_ids', 'ids')).some(isDecision)) return true
  return [at(principal, 'sourced_metadata', 'metadata_matcher'), at(principal, 'metadata')].some(
    (matcher) =>
      at(matcher, 'filter').value === 'envoy.filters.http.ext_authz' &&
      at(matcher, 'invert').value !== true &&
      items(at(matcher, 'path'))
        .map((one) => textOf(at(one, 'key')))
        .join('.') === 'decision' &&
      at(matcher, 'value', 'string_match', 'exact').value === 'allow',
  )
}

/** Whether the early header mutation of a connection manager takes a header of this name away. */
export const stripsEarly = (manager: Spot, name: string): boolean =>
  items(at(manager, 'early_header_mutation_extensions'))
    .flatMap((extension) => items(at(extension, 'typed_config', 'mutations')))
    .some(
      (mutation) =>
        textOf(at(mutation, 'remove')).toLowerCase() === name ||
        matches(at(mutation, 'remove_on_match', 'key_matcher'), name),
    )

/** Envoy's string matcher. */
function matches(matcher: Spot, name: string): boolean {
  const ask = (kind: string, holds: (text: string) => boolean): boolean =>
    present(at(matcher, kind)) && holds(textOf(at(matcher, kind)))
  return (
    ask('exact', (text) => name === text) ||
    ask('prefix', (text) => name.startsWith(text)) ||
    ask('suffix', (text) => name.endsWith(text)) ||
    ask('contains', (text) => name.includes(text)) ||
    fits(textOf(at(matcher, 'safe_regex', 'regex')), name)
  )
}

/** Whether an expression covers a name whole; one that cannot be read covers nothing. */
export function fits(expression: string, name: string): boolean {
  try {
    return expression !== '' && new RegExp(`^(?:${expression})$`).test(name)
  } catch {
    return false
  }
}
