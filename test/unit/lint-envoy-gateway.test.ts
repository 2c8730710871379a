import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { commandLine } from '../support/command-line.ts'
import { directoryWith } from '../support/config-files.ts'

/** The ids of what is found in files that are judged together. */
async function found(...files: readonly string[]): Promise<readonly string[]> {
  const { out } = await commandLine(['lint', ...files, '--json'])
  const { findings } = JSON.parse(out) as { readonly findings: readonly { readonly id: string }[] }
  return findings.map(({ id }) => id)
}

const ours = (name: string): string => `k8s/envoy-gateway/${name}.yaml`
const plain = [ours('plain/gateway'), ours('plain/clients'), ours('plain/check')]

describe('our own manifests', () => {
  test('without patches there is no second lock, and nothing else is missing', async () =>
    expect(await found(...plain)).toEqual(['GL-17']))
  test('with patches nothing is missing', async () =>
    expect(await found(...plain, ours('patched/patches'))).toEqual([]))
})

describe('GL-10: which headers clients may not send', () => {
  const policy = readFileSync(ours('plain/clients'), 'utf8').split('---\n')[0] ?? ''
  const expression = '{ type: RegularExpression, value: "x[-_.]authz[-_.].*|client[-_.]cert([-_.]chain)?" }'
  const judged = (match: string): Promise<readonly string[]> =>
    found(join(directoryWith({ 'a.yaml': policy.replace(expression, match) }), 'a.yaml'))

  test('the policy is the one that is varied here', () => expect(policy).toContain(expression))
  test.each([
    ['an expression over all of them', '{ type: RegularExpression, value: "x-authz-.*" }'],
    ['a prefix', '{ type: Prefix, value: x-authz- }'],
    ['an expression in any case', '{ type: RegularExpression, value: "(?i)X-Authz-.*" }'],
  ])('%s is enough', async (_, match) => expect(await judged(match)).toEqual([]))
  test.each([
    ['a part of a name', '{ type: RegularExpression, value: "authz" }'],
    ['an expression that cannot be read', '{ type: RegularExpression, value: "x-authz-(" }'],
    ['a longer prefix', '{ type: Prefix, value: x-authz-s }'],
    ['a prefix in capitals', '{ type: Prefix, value: X-Authz- }'],
    ['an empty prefix', '{ type: Prefix, value: "" }'],
    ['an ending', '{ type: Suffix, value: -subject }'],
    ['an empty ending', '{ type: Suffix, value: "" }'],
    ['one name', '{ value: x-authz-subject }'],
    ['a name with a wildcard', '{ type: Exact, value: "x-authz-*" }'],
  ])('%s is not', async (_, match) => expect(await judged(match)).toEqual(['GL-10']))
})

describe('GL-18: upgrades that are served unless told otherwise', () => {
  const { 0: policy = '' } = readFileSync(ours('plain/clients'), 'utf8').split('---\n')
  const types = '[{ type: RegularExpression, value: ".*" }]'
  const judged = (text: string): Promise<readonly string[]> => {
    const file = join(directoryWith({ 'a.yaml': policy.replace(types, text) }), 'a.yaml')
    return found(file, ours('plain/check'), ours('patched/patches'))
  }
  test('the policy is the one that is varied here', () => expect(policy).toContain(types))
  test.each([
    ['everything', types],
    ['the word in any case', '[{ type: RegularExpression, value: "(?i)websocket" }]'],
    ['the word in both cases', '[{ value: websocket }, { value: WebSocket }]'],
  ])('%s is ignored', async (_, text) => expect(await judged(text)).toEqual([]))
  test.each([
    ['nothing', '[]'],
    ['the word in one case', '[{ type: Exact, value: websocket }]'],
    ['another word', '[{ type: Prefix, value: TLS/ }]'],
  ])('%s is ignored', async (_, text) => expect(await judged(text)).toEqual(['GL-18']))
  test('nothing is told of policies where nobody is asked', async () => {
    const file = join(directoryWith({ 'a.yaml': policy.replace(types, '[]') }), 'a.yaml')
    expect(await found(file)).toEqual([])
  })
})

describe('GL-19: what takes the check away from a route or a listener', () => {
  const check = readFileSync(ours('plain/check'), 'utf8').split('---\n')[0] ?? ''
  /** How often it is found beside our policy, when another one that asks nobody says this. */
  async function count(spec: string, ourPolicy = check): Promise<number> {
    const other = `apiVersion: gateway.envoyproxy.io/v1alpha1\nkind: SecurityPolicy\nmetadata: { name: cors }\nspec: ${spec}\n`
    const ids = await found(join(directoryWith({ 'a.yaml': `${ourPolicy}---\n${other}` }), 'a.yaml'))
    return ids.filter((id) => id === 'GL-19').length
  }

  test.each([
    ['a route', '{ targetRefs: [{ kind: HTTPRoute, name: loose }] }'],
    ['a route of another kind, in the older spelling', '{ targetRef: { kind: GRPCRoute, name: loose } }'],
    ['routes by their labels', '{ targetSelectors: [{ kind: HTTPRoute, matchLabels: { team: a } }] }'],
    ['a listener', '{ targetRefs: [{ kind: Gateway, name: edge, sectionName: api }] }'],
    ['the same Gateway, of which one alone counts', '{ targetRefs: [{ kind: Gateway, name: edge }] }'],
    ['Gateways by their labels', '{ targetSelectors: [{ kind: Gateway, matchLabels: { team: a } }] }'],
    ['a set of listeners', '{ targetRefs: [{ kind: ListenerSet, name: more }] }'],
  ])('%s', async (_, spec) => expect(await count(spec)).toBe(1))
  test.each([
    ['another Gateway', '{ targetRefs: [{ kind: Gateway, name: other }] }'],
    ['a policy that adds to ours', '{ mergeType: StrategicMerge, targetRefs: [{ kind: HTTPRoute, name: loose }] }'],
    ['a policy that asks as well', '{ extAuth: {}, targetRefs: [{ kind: HTTPRoute, name: loose }] }'],
  ])('not %s', async (_, spec) => expect(await count(spec)).toBe(0))
  test('any Gateway, when ours is chosen by its labels', async () => {
    const byLabels = check.replace(/targetRefs: .*/, 'targetSelectors: [{ kind: Gateway, matchLabels: { team: a } }]')
    expect(await count('{ targetRefs: [{ kind: Gateway, name: other }] }', byLabels)).toBe(1)
  })
  test('nothing, when nobody is asked anyway', async () =>
    expect(await count('{ targetRefs: [{ kind: HTTPRoute, name: loose }] }', check.replace('extAuth:', 'jwt:'))).toBe(
      0,
    ))
  test('the policies of the tests: the one that says it only adds is fine', async () =>
    expect(await found(...plain, ours('patched/patches'), 'test/fixtures/envoy-gateway/teams.yaml')).toEqual(['GL-19']))
})
