import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { casesJsonSchema } from '../../../src/trial/cases-schema.ts'

const fits = new Ajv2020({ strict: false }).compile(casesJsonSchema())
const files = globSync(['{envoy,demo}/*-tests.yaml', 'k8s/**/*-tests.yaml', 'test/fixtures/cases/good/*.yaml'])

describe('the JSON Schema for editors', () => {
  test('there are files that ship', () => expect(files.length).toBeGreaterThan(14))
  test.each(files)('takes %s, which names it', (file) => {
    const text = readFileSync(file, 'utf8')
    expect(fits(parse(text))).toBe(true)
    const [, named] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? []
    expect(JSON.parse(readFileSync(join(file, '..', named ?? 'none'), 'utf8'))).toEqual(casesJsonSchema())
  })

  const one = { name: 'it', request: 'GET /', expect: { status: 200 } }
  test('takes the smallest', () => expect(fits({ cases: [one] })).toBe(true))
  test.each([
    {},
    { cases: [] },
    { cases: [one], case: [] },
    { cases: [{ ...one, name: '' }] },
    { cases: [{ ...one, tokn: {} }] },
    { cases: [{ ...one, token: 'nonne' }] },
    { cases: [{ ...one, token: { scope: [] } }] },
    { cases: [{ ...one, token: { bind: 'tls' } }] },
    { cases: [{ ...one, proof: { iat: '65 s' } }] },
    { cases: [{ ...one, request: 'get it' }] },
    { cases: [{ ...one, expect: { reason: 'nothing' } }] },
    { cases: [{ ...one, steps: [] }] },
    { cases: [one], clients: { tpp: { algorithm: 'ES512' } } },
  ])('refuses %j', (document) => expect(fits(document)).toBe(false))
})
