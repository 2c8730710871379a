import { join } from 'node:path'
import { expect, test } from 'vitest'
import { commandLine } from '../../support/command-line.ts'
import { directoryWith } from '../../support/config-files.ts'

const main = `publicOrigins: [https://api.bank.example]
authorizationServers: [{ issuer: https://as.bank.example }]
pipelines:
  tpp:
    - fapiHeaders
    - accessToken
    - senderConstraint: { dpop: { maxAge: 30s } }
defaults: { pipeline: strict }
routes:
  - { name: health, path: /health, methods: [GET], open: true }
  - name: accounts
    path: /accounts
    senderConstraint: { methods: [dpop] }
    scopes: [accounts]
include: [teams.yaml]
`
const teams = `pipelines:
  strict: [accessToken, senderConstraint]
routes:
  - { name: pay, path: /payments, hosts: [api.bank.example], methods: [POST], pipeline: tpp, mode: shadow, until: ${new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)} }
`

async function expandRoutes(...argv: readonly string[]) {
  const directory = directoryWith({ 'envoy-fapi.yaml': main, 'teams.yaml': teams })
  const { out, err, code } = await commandLine([
    'config',
    'expand',
    '--routes',
    join(directory, 'envoy-fapi.yaml'),
    ...argv,
  ])
  return { out: out.replaceAll(`${directory}/`, ''), err, code }
}

test('the policies of each route in their order, and where each is written', async () => {
  expect(await expandRoutes()).toEqual({
    err: '',
    code: undefined,
    out: `health  open  GET /health  envoy-fapi.yaml:10:5
  nothing is checked

accounts  resource  GET,HEAD,POST,PUT,PATCH,DELETE /accounts  envoy-fapi.yaml:11:5
  1  accessToken       pipeline strict  teams.yaml:2:12
  2  senderConstraint  route over pipeline strict  envoy-fapi.yaml:13:5
  3  scopes            route  envoy-fapi.yaml:14:5

pay  resource, shadow  POST api.bank.example /payments  teams.yaml:4:5
  1  fapiHeaders       pipeline tpp  envoy-fapi.yaml:5:7
  2  accessToken       pipeline tpp  envoy-fapi.yaml:6:7
  3  senderConstraint  pipeline tpp  envoy-fapi.yaml:7:7
`,
  })
})
test('the same for machines', async () => {
  const { routes } = JSON.parse((await expandRoutes('--json')).out) as { readonly routes: readonly object[] }
  expect(routes).toMatchObject([
    { name: 'health', kind: 'open', policies: [] },
    {
      name: 'accounts',
      path: '/accounts',
      policies: [{ policy: 'accessToken', from: 'pipeline strict', line: 2 }, {}, {}],
    },
    { name: 'pay', hosts: ['api.bank.example'], at: { file: 'teams.yaml', line: 4 } },
  ])
})
test('what is written nowhere is there by default', async () => {
  const text =
    '{ publicOrigins: [https://a.example], authorizationServers: [{ issuer: https://b.example }], routes: [{ path: /a }] }'
  const directory = directoryWith({ 'c.yaml': text })
  const { out } = await commandLine(['config', 'expand', '--routes', join(directory, 'c.yaml')])
  expect(out.split('\n').slice(1, 3)).toEqual(['  1  accessToken       default', '  2  senderConstraint  default'])
})
