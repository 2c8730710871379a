import { answers, type DenyReason } from '../denial.ts'
import { compileTemplate, covers } from '../path-template.ts'
import type { Answers } from './answers.ts'
import { sampleOf } from './sample.ts'

/** Where the tests of a configuration lie: beside it. */
export const testsOf = (configuration: string): string => configuration.replace(/\.yaml$/, '-tests.yaml')

/** One case, in the language of `envoy-fapi test`. */
type Case = readonly [name: string, lines: readonly string[]]

/** Policy tests for what `init` writes: who gets in, and each way of stealing a token that is stopped. */
export function buildTests(answers: Answers): string {
  const { path, scopes, binding } = answers
  const url = sampleOf(path)
  const request = `request: ${quoted(`GET ${url}`)}`
  const [health, own] = [compileTemplate('/health'), compileTemplate(path)]
  const open = !(health.ok && own.ok && covers(health.value, own.value))
  const cases: readonly Case[] = [
    ...(open ? [['health checks need nothing', ['request: GET /health', allowed('route: health')]] as const] : []),
    ...(binding === 'mtls' ? [] : dpopCases(request)),
    ...(binding === 'dpop' ? [] : mtlsCases(request)),
    [
      'who sends no token is told what is wanted',
      [request, 'token: none', refused('credentials_missing', `challenge: ${binding === 'mtls' ? 'Bearer' : 'DPoP'}`)],
    ],
    ['an expired token is refused', [request, 'token: { iat: -20m }', refused('token_expired')]],
    [
      'a token without the scope is refused',
      [
        request,
        'token: { scopes: [] }',
        refused('scope_insufficient', `challenge: ${quoted(`scope="${scopes.join(' ')}"`)}`),
      ],
    ],
    [
      'what a client says of itself does not reach the API',
      [
        `request: { url: ${quoted(url)}, headers: { x-authz-subject: admin } }`,
        allowed('headers: { x-authz-subject: user-1 }'),
      ],
    ],
  ]
  return `${HEADER}\ncases:\n${cases.map(spell).join('\n')}`
}

const HEADER = `# What the configuration beside this file lets in and what it refuses. Try it, without a network and without Envoy:
#   envoy-fapi test --config envoy-fapi.yaml envoy-fapi-tests.yaml
# A request is a good one, except for what its case says. Tokens, proofs and certificates are made for the moment.

clients: # the first one sends, where a case names none
  tpp: { id: tpp-1 }
  thief: {}
`

const dpopCases = (request: string): readonly Case[] => [
  [
    'a token with a proof gets in',
    [request, 'token: { bind: dpop }', allowed('headers: { x-authz-client-id: tpp-1, x-authz-binding: dpop }')],
  ],
  [
    'a stolen token is worth nothing as Bearer',
    [
      request,
      'client: thief',
      'token: { client: tpp, bind: dpop, scheme: Bearer }',
      'proof: none',
      refused('bound_token_as_bearer'),
    ],
  ],
  [
    'a stolen token is worth nothing with a proof of the thief',
    [request, 'client: thief', 'token: { client: tpp, bind: dpop }', refused('proof_key_mismatch')],
  ],
  [
    'a proof is good once',
    [
      request,
      'token: { bind: dpop }',
      'steps:',
      '  - expect: { status: 200 }',
      `  - { client: thief, token: again, proof: again, wait: 3s, ${refused('proof_replayed')} }`,
    ],
  ],
  ['an old proof is refused', [request, 'token: { bind: dpop }', 'proof: { iat: -2m }', refused('proof_expired')]],
  [
    'a proof for another URL is refused',
    [request, 'token: { bind: dpop }', 'proof: { htu: https://elsewhere.example/ }', refused('proof_target_mismatch')],
  ],
]

const mtlsCases = (request: string): readonly Case[] => [
  [
    'a token with its certificate gets in',
    [request, 'token: { bind: mtls }', allowed('headers: { x-authz-client-id: tpp-1, x-authz-binding: mtls }')],
  ],
  [
    'a stolen token is worth nothing with another certificate',
    [request, 'token: { bind: mtls }', 'certificate: another', refused('certificate_mismatch')],
  ],
  [
    'a stolen token is worth nothing without the certificate',
    [request, 'token: { bind: mtls }', 'certificate: none', refused('certificate_missing')],
  ],
]

const allowed = (more: string): string => `expect: { status: 200, ${more} }`

const refused = (reason: DenyReason, more?: string): string =>
  `expect: { status: ${answers[reason].status}, reason: ${reason}${more === undefined ? '' : `, ${more}`} }`

const spell = ([name, lines]: Case): string => `  - name: ${name}\n${lines.map((line) => `    ${line}\n`).join('')}`

/** A YAML text that holds what it says, also inside braces. */
const quoted = (text: string): string => (/^[A-Z/][\w/ .-]*$/.test(text) ? text : `'${text.replaceAll("'", "''")}'`)
