import fc from 'fast-check'
import { expect, test } from 'vitest'
import { admit } from '../../src/admission.ts'
import { type IdentityFact, identify } from '../../src/identity.ts'
import { CHANGEABLE } from '../support/answers.ts'
import { evidence } from '../support/modules.ts'

const names = new Map<IdentityFact, string>(
  (['issuer', 'subject', 'clientId', 'scope', 'binding', 'thumbprint', 'acr'] as const).map((fact) => [
    fact,
    `x-authz-${fact === 'clientId' ? 'client-id' : fact}`,
  ]),
)
const character = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0x20, max: 0x7e }) },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
)
const text = fc.string({ unit: character.map((code) => String.fromCharCode(code)), minLength: 1, maxLength: 40 })
const separator = fc.constantFrom('-', '_', '.')
const alias = fc
  .tuple(
    separator,
    separator,
    fc.oneof(fc.constantFrom('subject', 'acr', 'client_id', 'client.id'), fc.stringMatching(/^[-_.a-z0-9]{0,8}$/)),
  )
  .map(([one, two, rest]) => `x${one}authz${two}${rest}`)
const sent = fc.uniqueArray(
  fc.oneof(alias, fc.constantFrom('authorization', 'dpop', 'accept', 'x-authzoo', 'x-fapi-interaction-id')),
)
const rules = fc.record({
  headers: fc.constant(names),
  token: fc.constantFrom('strip' as const, 'forward' as const),
  proof: fc.constantFrom('strip' as const, 'forward' as const),
  encoding: fc.constantFrom('plain' as const, 'percent' as const),
})

test('the upstream never sees an identity header of the client, and ours unchanged or not at all', () => {
  fc.assert(
    fc.property(
      text,
      text,
      fc.option(text),
      sent,
      rules,
      fc.constantFrom('resource' as const, 'open' as const),
      (sub, client, acr, fields, rule, kind) => {
        const admission = admit(kind, evidence({ sub, client_id: client, ...(acr !== null && { acr }) }))
        if (!admission.ok) throw new Error(admission.detail)
        const result = identify(admission.value, new Map(fields.map((name) => [name, ['v']])), rule)
        if (!result.ok) {
          expect(result.reason).toBe('claim_unusable')
          return
        }

        const { set, remove } = result.value
        const ours = new Map(set)
        const decode = rule.encoding === 'percent' ? decodeURIComponent : (value: string) => value
        for (const [name, value] of set)
          expect([name, value]).toEqual([name, expect.stringMatching(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/)])
        if (kind === 'resource') expect(decode(ours.get('x-authz-subject') ?? '')).toBe(sub)
        if (kind === 'resource') expect(decode(ours.get('x-authz-client-id') ?? '')).toBe(client)
        expect([...ours.keys(), ...remove].filter((name) => !CHANGEABLE.test(name))).toEqual([])
        expect(remove.filter((name) => ours.has(name))).toEqual([])
        const left = fields.filter((name) => !remove.includes(name) && !ours.has(name))
        expect(left.filter((name) => /^x[-_.]authz[-_.]/.test(name))).toEqual([])
        const spent =
          kind === 'open'
            ? []
            : [...(rule.token === 'strip' ? ['authorization'] : []), ...(rule.proof === 'strip' ? ['dpop'] : [])]
        expect(left.filter((name) => spent.includes(name))).toEqual([])
      },
    ),
    { numRuns: 1000 },
  )
})
