import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { expandConfig } from '../../src/config-expansion.ts'
import { jsonSchema } from '../../src/config-json-schema.ts'
import { fixtures, loadFixture, smallest } from '../support/config-files.ts'

const schema = z.fromJSONSchema(jsonSchema() as z.core.JSONSchema.JSONSchema)
const fits = (document: unknown): boolean => schema.safeParse(document).success

describe('the JSON Schema for editors', () => {
  test('is draft 2020-12, and knows the keys the reader knows', () => {
    expect(jsonSchema()).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      additionalProperties: false,
      required: ['publicOrigins', 'authorizationServers', 'routes'],
    })
  })
  test('takes the smallest file', () => {
    expect(fits(parse(readFileSync(join(fixtures, 'good/smallest.yaml'), 'utf8')))).toBe(true)
  })
  test.each(['smallest', 'large', 'compat'])('takes everything %s expands to', (name) =>
    expect(fits(expandConfig(loadFixture(`good/${name}.yaml`)))).toBe(true),
  )
  test.each([
    { profil: 'compat' },
    { profile: 'fapi3' },
    { listen: { chek: 'x' } },
    { listen: { check: 9191 } },
    { replicas: '1' },
    { replicas: 0 },
    { routes: [] },
    { routes: [{ path: '/', accesToken: {} }] },
    { routes: [{ path: '/', accessToken: { leeway: 5 } }] },
    { routes: [{ path: '/', accessToken: { leeway: '5 s' } }] },
    { routes: [{ path: '/', scopes: { methods: { PSOT: [] } } }] },
    { authorizationServers: [{ issuer: 'https://a.example', algorithms: ['RS256'] }] },
    { authorizationServers: [{}] },
    { publicOrigins: undefined },
    { pipelines: { p: ['accesToken'] } },
  ])('refuses %j', (difference) => expect(fits(JSON.parse(JSON.stringify(smallest(difference))))).toBe(false))

  test('is named by the files that ship', () => {
    for (const file of globSync(['demo/envoy-fapi.yaml', 'test/fixtures/config/good/large.yaml'])) {
      const [, named] = /yaml-language-server: \$schema=(\S+)/.exec(readFileSync(file, 'utf8')) ?? []
      expect(JSON.parse(readFileSync(join(file, '..', named ?? 'none'), 'utf8'))).toEqual(jsonSchema())
    }
  })
})
