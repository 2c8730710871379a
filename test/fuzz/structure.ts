import type { CheckRequest } from '../../src/wire.ts'
import type { Chance } from './chance.ts'

type Node = Record<string, unknown>

/** Changes one member somewhere in the message; its types stay those of the protocol. */
export function mangle(request: CheckRequest, chance: Chance): CheckRequest {
  const copy = structuredClone(request) as Node
  const places: (readonly [Node, string])[] = []
  collect(copy, places)
  const [holder, name] = chance.pick(places)
  const value = holder[name]
  if (Array.isArray(holder)) mangleItem(holder, Number(name), chance)
  else if (chance.coin(0.3)) delete holder[name]
  else holder[name] = oddValue(value, name, chance)
  return copy as CheckRequest
}

function collect(value: unknown, places: (readonly [Node, string])[]): void {
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return
  for (const [name, inner] of Object.entries(value)) {
    places.push([value as Node, name])
    collect(inner, places)
  }
}

function mangleItem(list: unknown[], index: number, chance: Chance): void {
  const action = chance.below(4)
  if (action === 0) list.splice(index, 1)
  else if (action === 1) list.splice(chance.below(list.length), 0, structuredClone(list[index]))
  else if (action === 2) list[index] = {}
  else list.push(list.shift())
}

function oddValue(value: unknown, name: string, chance: Chance): unknown {
  if (typeof value === 'string')
    return chance.pick([
      () => '',
      () => chance.text(30),
      () => value.toUpperCase(),
      () => `${value}${chance.text(3)}`,
      () => `${value}\0`,
      () => `${value},${value}`,
      () => value.slice(0, chance.below(value.length + 1)),
      () => `${value}ü€😀`,
    ])()
  if (typeof value === 'number') return chance.pick([0, 1, 65_535, 2 ** 31 - 1])
  if (value instanceof Uint8Array)
    return chance.pick([
      () => Buffer.alloc(0),
      () => Buffer.concat([value, Buffer.of(chance.below(256))]),
      () => Buffer.from(chance.text(40), 'latin1'),
    ])()
  if (name === 'headers' && !Array.isArray(value)) return { ...(value as object), [chance.text(12)]: chance.text(20) }
  return Array.isArray(value) ? [] : {}
}

/**
 * What a decision rests on, read from the message without any code of ours: two messages with the same essence are the
 * same request. `bound`: the token is bound to a certificate. Header names are compared without case; what is not among these names never matters.
 */
export function essence({ attributes }: CheckRequest, bound: boolean): string {
  const http = attributes?.request?.http
  const lines = (http?.headerMap?.headers ?? []).filter(({ key }) => key)
  const sent: (readonly [string, string])[] =
    lines.length > 0
      ? lines.map(({ key = '', value = '', rawValue }) => [
          key,
          rawValue?.length ? Buffer.from(rawValue).toString('latin1') : value,
        ])
      : Object.entries(http?.headers ?? {})
  const named = sent.filter(([name]) => MATTERS.test(name))
  const known = named.map(([name, value]) => `${name.toLowerCase()}:${value}`)
  const certificate = bound ? attributes?.source?.certificate : ''
  return JSON.stringify([
    http?.method,
    http?.host?.toLowerCase().replace(/:443$/, ''),
    plain(http?.path),
    known,
    certificate,
  ])
}

const MATTERS =
  /^(?:authorization|dpop|connection|x-envoy-auth-failure-mode-allowed)$|^x[-_.](?:(?:http[-_.])?method|authz)/i

/** Without the query, unless that holds what may stand in no URI. */
const plain = (path = ''): string => (/^[!"$-~]*$/.test(path) ? path.split('?', 1).join() : path)
