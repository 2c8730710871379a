import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parse, stringify } from 'yaml'
import { readConfig } from '../../src/config.ts'
import { expandConfig } from '../../src/config-expansion.ts'
import { smallest } from '../support/config-files.ts'

const runs = { numRuns: 300 }

test('no document makes the reader throw, and every problem is a sentence with a path', () =>
  fc.assert(
    fc.property(
      fc.oneof(
        fc.anything(),
        fc.json().map((text): unknown => JSON.parse(text)),
      ),
      (document) => {
        const reading = readConfig(document)
        expect(reading.ok).toBe(false)
        if (!reading.ok) for (const { message } of reading.problems) expect(message).toMatch(/^\S[^\n]{5,}/)
      },
    ),
    runs,
  ))

/** Keys that exist, holding anything. */
const keys = Object.keys(parse(stringify(smallest())) as object).concat(
  [
    'listen',
    'clientCertificateFrom',
    'outbound',
    'stores',
    'replicas',
    'limits',
    'identity',
    'log',
    'pipelines',
    'defaults',
  ],
  ['include', 'profile'],
)
const rubbish = fc.oneof(
  fc.jsonValue({ maxDepth: 4 }),
  fc.array(
    fc.dictionary(
      fc.constantFrom('path', 'open', 'scopes', 'pipeline', 'methods', 'hosts', 'kind', 'name'),
      fc.jsonValue(),
    ),
  ),
  fc.dictionary(fc.string(), fc.array(fc.constantFrom('accessToken', 'senderConstraint', 'scopes', 'x'))),
)

test('rubbish under known keys makes nothing throw', () =>
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...keys), rubbish), (difference) => {
      const reading = readConfig(smallest(difference))
      expect(reading.ok || reading.problems.length > 0).toBe(true)
    }),
    runs,
  ))

const name = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/)
const some = fc.array(name, { minLength: 1, maxLength: 3 })
const scopes = fc.oneof(
  some,
  fc.record(
    { all: some, any: fc.array(name), methods: fc.dictionary(fc.constantFrom('GET', 'POST'), fc.array(name)) },
    { requiredKeys: ['all'] },
  ),
)
const seconds = (min: number, max: number) => fc.integer({ min, max }).map((value) => `${value}s`)
const policyKeys = fc.record(
  {
    scopes,
    fapiHeaders: fc.record({ interactionId: fc.constantFrom('replace', 'reject') }, { requiredKeys: [] }),
    accessToken: fc.record(
      { leeway: seconds(0, 60), maxLifetime: seconds(1, 600), maxBytes: fc.integer({ min: 1024, max: 65_536 }) },
      { requiredKeys: [] },
    ),
    senderConstraint: fc.record(
      {
        methods: fc.subarray(['dpop', 'mtls'], { minLength: 1 }),
        dpop: fc.record({ maxAge: seconds(10, 300) }, { requiredKeys: [] }),
      },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: [] },
)
const pipeline = fc
  .tuple(fc.boolean(), fc.boolean(), scopes)
  .map(([headersFirst, scoped, asked]) => [
    ...(headersFirst ? ['fapiHeaders'] : []),
    'accessToken',
    'senderConstraint',
    ...(scoped ? [{ scopes: asked }] : []),
    ...(headersFirst ? [] : [{ fapiHeaders: { interactionId: 'reject' } }]),
  ])
/** A mode and its end, as they stand on a file, a pipeline or a route. */
const mode = fc.oneof(
  fc.constantFrom({}, { mode: 'enforce' }),
  fc
    .integer({ min: 1_700_000_000, max: 1_900_000_000 })
    .map((seconds) => ({ mode: 'shadow', until: new Date(seconds * 1000).toISOString() })),
)
const moded = fc.tuple(pipeline, mode).map(([policies, how]) => ('mode' in how ? { ...how, policies } : policies))
const document = fc.record({
  mode,
  pipelines: fc.record({ one: moded, two: moded }),
  routes: fc.uniqueArray(fc.tuple(name, policyKeys, fc.constantFrom(undefined, 'one', 'two'), fc.boolean(), mode), {
    minLength: 1,
    maxLength: 5,
    selector: ([path]) => path,
  }),
  drain: seconds(0, 300),
})

/** Where things are written does not count. */
const bare = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, item: unknown) => (key === 'at' ? 0 : key === 'under' ? undefined : item)))

test('what a configuration expands to is a configuration that says the same', () =>
  fc.assert(
    fc.property(document, ({ mode: everywhere, pipelines, routes, drain }) => {
      const reading = readConfig(
        smallest({
          ...everywhere,
          pipelines,
          limits: { drain },
          routes: routes.map(([path, policies, chosen, open, own]) =>
            open
              ? { path: `/${path}`, open, ...own }
              : { path: `/${path}`, ...policies, ...own, ...(chosen && { pipeline: chosen }) },
          ),
        }),
      )
      if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
      const written: unknown = parse(stringify(expandConfig(reading.config)))
      const again = readConfig(written)
      if (!again.ok) throw new Error(JSON.stringify(again.problems))
      expect(bare(again.config)).toEqual(bare(reading.config))
      expect(expandConfig(again.config)).toEqual(expandConfig(reading.config))
    }),
    runs,
  ))
