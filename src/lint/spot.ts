type Path = readonly (string | number)[]

/** One document of a file, as plain data with the way back to positions. */
export interface LintDocument {
  readonly value: unknown
  readonly placeOf: (path: Path) => { readonly file: string; readonly line: number; readonly column: number }
  /** Where this document stands inside another, for example the data of a ConfigMap. */
  readonly within?: string
}

/** A value of a document and where it stands. */
export interface Spot {
  readonly document: LintDocument
  readonly path: Path
  readonly value: unknown
}

export type Members = Readonly<Record<string, unknown>>

export const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The value that a path of names leads to, undefined when there is none; each name may stand in camel case as well. */
export function at(spot: Spot, ...names: readonly string[]): Spot {
  let found = spot
  for (const name of names) {
    const members = isMembers(found.value) ? found.value : {}
    const camel = name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
    const key = Object.hasOwn(members, name) || !Object.hasOwn(members, camel) ? name : camel
    found = {
      document: found.document,
      path: [...found.path, key],
      value: Object.hasOwn(members, key) ? members[key] : undefined,
    }
  }
  return found
}

/** The items of a list; none when it is no list. */
export const items = ({ document, path, value }: Spot): readonly Spot[] =>
  Array.isArray(value) ? value.map((item: unknown, index) => ({ document, path: [...path, index], value: item })) : []

/** The members of a map; none when it is no map. */
export const members = ({ document, path, value }: Spot): readonly Spot[] =>
  isMembers(value)
    ? Object.entries(value).map(([key, member]) => ({ document, path: [...path, key], value: member }))
    : []

/** Whether something stands there. */
export const present = ({ value }: Spot): boolean => value !== undefined && value !== null

/** Everything inside, itself first. What several aliases stand for is met once, at the first of them. */
export function inside(spot: Spot, met: Set<unknown> = new Set()): readonly Spot[] {
  if (typeof spot.value !== 'object' || spot.value === null) return [spot]
  if (met.has(spot.value)) return []
  met.add(spot.value)
  return [spot, ...[...items(spot), ...members(spot)].flatMap((one) => inside(one, met))]
}

/** The value as text: Envoy and Kubernetes both take `503` where `"503"` is meant. */
export const textOf = ({ value }: Spot): string =>
  typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : ''

/** Protobuf's and Go's durations in seconds (`0.5s`, `500ms`, `1m30s`); undefined when it is none. */
export function secondsOf(spot: Spot): number | undefined {
  const text = textOf(spot)
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return undefined
  const units: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600 }
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, count = '', unit = '']) => sum + Number(count) * (units[unit] ?? 0), 0)
}

/** Whether nothing is written there. */
export const isEmpty = (spot: Spot): boolean =>
  isMembers(spot.value) ? Object.keys(spot.value).length === 0 : !present(spot)
