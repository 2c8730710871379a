import { certificate, otherCertificate } from '../support/possession.ts'
import type { Chance } from './chance.ts'
import type { Draft, Mutation } from './draft.ts'

const mutation = (
  effect: Mutation['effect'],
  name: string,
  apply: (draft: Draft, chance: Chance) => void,
  fits?: Mutation['fits'],
): Mutation => ({ name: `request ${name}`, effect, apply, ...(fits && { fits }) })
const breaks = (name: string, apply: Mutation['apply'], fits?: Mutation['fits']) =>
  mutation('breaks', name, apply, fits)
const harmless = (name: string, apply: Mutation['apply'], fits?: Mutation['fits']) =>
  mutation('harmless', name, apply, fits)

const withProof = ({ kind }: Draft): boolean => kind !== 'mtls'
const withCertificate = ({ kind }: Draft): boolean => kind !== 'dpop'
const scheme = ({ kind }: Draft): string => (kind === 'mtls' ? 'Bearer' : 'DPoP')

/** Fields, path, host and connection around a good token and proof. */
export const requestMutations: readonly Mutation[] = [
  breaks('without Authorization', (draft) => {
    draft.authorization = () => []
  }),
  breaks('with two Authorization fields', (draft, chance) => {
    const before = draft.authorization
    const other = chance.pick(['', 'DPoP x', 'Bearer x', 'Basic eDp5'])
    draft.authorization = (token) => (chance.coin(0.5) ? [...before(token), other] : [other, ...before(token)])
  }),
  breaks('of another scheme', (draft, chance) => {
    const names = ['Basic', 'DPoPX', 'GNAP', '', 'Token', draft.kind === 'mtls' ? 'DPoP' : 'Bearer']
    draft.authorization = (token) => [`${chance.pick(names)} ${token}`]
  }),
  breaks('with a broken credential', (draft, chance) => {
    const name = scheme(draft)
    draft.authorization = (token) => [
      chance.pick([
        name,
        `${name} `,
        `${name}\t${token}`,
        `${name} "${token}"`,
        `${name} ${token} x`,
        `${name} ${token};`,
        `${name}=${token}`,
        `${name},${token}`,
        ` ${name} ${token}`,
        `${name} ${token}\0`,
        `${name} ${token}\u00a0`,
      ]),
    ]
  }),
  harmless('of the same scheme in other case', (draft, chance) => {
    const name = scheme(draft)
    draft.authorization = (token) => [
      `${chance.pick([name.toLowerCase(), name.toUpperCase()])}${' '.repeat(1 + chance.below(3))}${token}`,
    ]
  }),
  breaks(
    'without proof',
    (draft) => {
      draft.dpop = () => []
    },
    withProof,
  ),
  breaks(
    'with two proofs',
    (draft, chance) => {
      draft.dpop = (proof) =>
        chance.pick([[proof, proof], [proof, ''], ['x', proof], [`${proof},${proof}`], [`${proof},`]])
    },
    withProof,
  ),
  harmless(
    'with a proof nobody asked for',
    (draft, chance) => {
      draft.dpop = (proof) => [chance.pick([proof, 'garbage', ''])]
    },
    ({ kind }) => kind === 'mtls',
  ),
  breaks('with a token in the query', (draft, chance) => {
    draft.path += chance.pick([
      '?access_token=x',
      '?a=b&access_token=',
      '?access%5Ftoken=x',
      '?%61ccess_token',
      '?a;access_token=x',
    ])
  }),
  breaks('with a token in the form', (draft, chance) => {
    draft.headers.push([
      'content-type',
      chance.pick(['application/x-www-form-urlencoded', 'Application/X-WWW-Form-Urlencoded; charset=x']),
    ])
    draft.body = chance.pick(['access_token=x', 'a=b&access%5ftoken=x', 'a=b'])
    draft.partial = draft.body === 'a=b' ? 'true' : 'false'
  }),
  harmless('with a query and a body', (draft, chance) => {
    draft.path += chance.pick(['?x=1', '?', '?access_tokenx=1', '?a=access_token', '?/../x', '?%zz'])
    draft.body = chance.text(40)
  }),
  breaks(
    'for another method',
    (draft, chance) => {
      draft.method = chance.pick(['POST', 'HEAD', 'get', 'OPTIONS', 'TRACE', 'DELETE', 'CONNECT', 'GE T', ''])
    },
    ({ kind, path }) => kind === 'dpop' && path !== '',
  ),
  breaks('for another host', (draft, chance) => {
    draft.host = chance.pick([
      'evil.example',
      'api.example.com:8443',
      'api.example.com,evil.example',
      'user@api.example.com',
      '',
      'api.example.com.',
      'mtls.example.com',
      ' api.example.com',
    ])
  }),
  breaks(
    'for another origin of ours',
    (draft) => {
      draft.host = 'internal.example'
    },
    withProof,
  ),
  harmless('for another spelling of the host', (draft, chance) => {
    draft.host = chance.pick(['API.example.com', 'api.example.com:443', 'Api.Example.Com:443'])
  }),
  breaks('for a path that is not canonical', (draft, chance) => {
    const { path } = draft
    draft.path = chance.pick([
      `/${path}`,
      `/x/..${path}`,
      `/.${path}`,
      `${path}/.`,
      `${path};x`,
      `${path}%00`,
      path.replace('/', '/%2e/'),
      path.replace('/', '/%61/..%2f'),
      path.replace('/', '\\'),
      `${path}#x`,
      `${path}%`,
      path.slice(1),
      `${path} `,
      `/public/%2e%2e${path}`,
      `https://api.example.com${path}`,
    ])
  }),
  breaks('for another path', (draft, chance) => {
    draft.path = chance.pick([
      `${draft.path}.`,
      `${draft.path}x`,
      draft.path.toUpperCase(),
      '/accounts/43',
      '/',
      '/none',
    ])
  }),
  breaks(
    'on a route that takes another binding',
    (draft, chance) => {
      draft.path = draft.kind === 'dpop' ? chance.pick(['/mtls', '/both']) : chance.pick(['/dpop', '/both'])
      draft.proof.claims.htu = `https://api.example.com${draft.path}`
    },
    ({ kind }) => kind !== 'both',
  ),
  breaks(
    'with another certificate',
    (draft, chance) => {
      draft.certificate = chance.pick([
        undefined,
        '',
        otherCertificate,
        `${certificate}${certificate}`,
        certificate.slice(0, -20),
        `x${certificate}`,
        certificate.replaceAll('CERTIFICATE', 'PUBLIC%20KEY'),
        '%',
        chance.text(100),
      ])
    },
    withCertificate,
  ),
  harmless(
    'with a certificate nobody asked for',
    (draft, chance) => {
      draft.certificate = chance.pick([certificate, otherCertificate, chance.text(100)])
    },
    ({ kind }) => kind === 'dpop',
  ),
  breaks('with a header that would change it behind us', (draft, chance) => {
    draft.headers.push(
      chance.pick([
        ['x-http-method-override', 'DELETE'],
        ['X_HTTP_Method', 'DELETE'],
        ['x-envoy-auth-failure-mode-allowed', 'true'],
        ['connection', 'close, authorization'],
        ['connection', 'X-Authz-Subject'],
        ['x-authz-subject!', 'admin'],
      ] as const),
    )
  }),
  harmless('with headers that say nothing', (draft, chance) => {
    const names = [
      'x-authz-subject',
      'x_authz_acr',
      'X.Authz.Foo',
      'x-forwarded-host',
      'x-forwarded-proto',
      'x-original-url',
      'cookie',
      '__proto__',
      'constructor',
      'x-fapi-interaction-id',
      'x-forwarded-client-cert',
      'accept',
      'te',
      'content-length-x',
    ]
    for (let count = chance.below(4); count >= 0; count -= 1) draft.headers.push([chance.pick(names), chance.text(60)])
  }),
]
