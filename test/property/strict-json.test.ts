import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readJsonObject } from '../../src/verify/strict-json.ts'

/** JSON as it is written: members keep their order and may repeat. */
type Node =
  | { readonly kind: 'leaf'; readonly text: string }
  | { readonly kind: 'list'; readonly items: readonly Node[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, value: Node])[] }

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'sub', '__proto__', '', 'é', '"', '\\', '\n', '😀', ':'),
  fc.string({ maxLength: 3 }),
)
const leaf = fc
  .oneof(
    fc.string({ unit: 'binary' }),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.boolean(),
    fc.constant(null),
  )
  .map((value): Node => ({ kind: 'leaf', text: JSON.stringify(value) }))
const { object } = fc.letrec<{ object: Node; node: Node }>((tie) => ({
  object: fc.array(fc.tuple(name, tie('node')), { maxLength: 6 }).map((members) => ({ kind: 'object', members })),
  node: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.array(tie('node'), { maxLength: 4 }).map((items): Node => ({ kind: 'list', items })),
    tie('object'),
  ),
}))

/** Writes it out; `style` decides over blanks and over which characters of a name are escaped. */
function write(node: Node, style: () => number): string {
  const blank = (): string => ['', '', '', ' ', '\n\t'][style() % 5] ?? ''
  if (node.kind === 'leaf') return node.text
  if (node.kind === 'list') return `[${blank()}${node.items.map((item) => write(item, style)).join(`${blank()},`)}]`
  const members = node.members.map(([key, value]) => `${spell(key, style)}${blank()}:${blank()}${write(value, style)}`)
  return `{${blank()}${members.join(`,${blank()}`)}${blank()}}`
}

const spell = (key: string, style: () => number): string =>
  `"${Array.from({ length: key.length }, (_, at) => (style() % 4 === 0 ? escaped(key, at) : bare(key, at))).join('')}"`
const escaped = (key: string, at: number): string => `\\u${key.charCodeAt(at).toString(16).padStart(4, '0')}`
/** Halves of a pair are escaped, so that what is written is valid Unicode wherever it is cut. */
const bare = (key: string, at: number): string =>
  /[\ud800-\udfff]/.test(key.charAt(at)) ? escaped(key, at) : JSON.stringify(key.charAt(at)).slice(1, -1)

const repeats = (node: Node): boolean => {
  if (node.kind === 'leaf') return false
  if (node.kind === 'list') return node.items.some(repeats)
  const names = node.members.map(([key]) => key)
  return new Set(names).size < names.length || node.members.some(([, value]) => repeats(value))
}
/** A name that has no spelling without an escape. */
const escapes = (node: Node): boolean => {
  if (node.kind === 'leaf') return false
  if (node.kind === 'list') return node.items.some(escapes)
  return node.members.some(([key, value]) => JSON.stringify(key).includes('\\') || escapes(value))
}
/** What was written. Not JSON.parse's word for it: that one can take an escaped name for another. */
const built = (node: Node): unknown => {
  if (node.kind === 'leaf') return JSON.parse(node.text)
  if (node.kind === 'list') return node.items.map(built)
  const object = {}
  for (const [key, value] of node.members) {
    Object.defineProperty(object, key, { value: built(value), enumerable: true, configurable: true, writable: true })
  }
  return object
}
const depth = (node: Node): number => {
  if (node.kind === 'leaf') return 0
  const inside = node.kind === 'list' ? node.items : node.members.map(([, value]) => value)
  return 1 + Math.max(0, ...inside.map(depth))
}

test('JWT-18, att-jose-13, T-35 an object is read exactly when no object in it has a name twice', () => {
  let refused = 0
  fc.assert(
    fc.property(object, fc.array(fc.nat(1000), { minLength: 1, maxLength: 40 }), (node, styles) => {
      let turn = 0
      const text = write(node, () => {
        turn += 1
        return styles[turn % styles.length] ?? 0
      })
      expect(depth(node)).toBeLessThan(16)
      const reading = readJsonObject(Buffer.from(text), { depth: 16, members: 100_000 })
      if (repeats(node) || escapes(node)) {
        refused += 1
        expect(reading).toMatchObject({ ok: false, problem: expect.stringMatching(/repeated$|needs an escape$/) })
        return
      }
      // The runner's own comparison stumbles over members called __proto__.
      if (!isDeepStrictEqual(reading, { ok: true, value: built(node) })) {
        expect.fail(`${text}: ${JSON.stringify(reading)}`)
      }
    }),
    { numRuns: 3000 },
  )
  expect(refused).toBeGreaterThan(100)
})

test('JWT-18 whatever the bytes are, reading them is a value, and what is read is what JSON.parse reads', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc
      .string({ unit: fc.constantFrom(...'{}[]":,\\u0061 1e-+.truefalsn\n'), maxLength: 40 })
      .map((text) => Buffer.from(text)),
    fc.json().map((text) => Buffer.from(text)),
    fc.tuple(fc.json(), fc.nat(), fc.nat(255)).map(([text, at, byte]) => {
      const changed = Buffer.from(text)
      if (changed.length > 0) changed[at % changed.length] = byte
      return changed
    }),
  )
  fc.assert(
    fc.property(bytes, (input) => {
      const reading = readJsonObject(input)
      if (!reading.ok) return
      const text = Buffer.from(input).toString('utf8')
      expect(Buffer.from(text)).toEqual(Buffer.from(input))
      expect(text.startsWith('\ufeff')).toBe(false)
      if (!text.includes('\\')) expect(isDeepStrictEqual(reading.value, JSON.parse(text))).toBe(true)
      expect(Object.prototype.toString.call(reading.value)).toBe('[object Object]')
    }),
    { numRuns: 5000 },
  )
})

const scalar = fc.oneof(
  fc.string(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.boolean(),
  fc.constant(null),
)
const unescaped = fc.string().filter((text) => !JSON.stringify(text).includes('\\'))

test('JWT-18 what is written by JSON.stringify is read back, within the limits', () => {
  fc.assert(
    fc.property(
      fc.dictionary(unescaped, fc.oneof(scalar, fc.array(scalar), fc.dictionary(unescaped, scalar))),
      (value) => {
        const reading = readJsonObject(Buffer.from(JSON.stringify(value)), { depth: 100, members: 100_000 })
        expect(isDeepStrictEqual(reading, { ok: true, value: JSON.parse(JSON.stringify(value)) })).toBe(true)
      },
    ),
  )
})
