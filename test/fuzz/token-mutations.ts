import { certificateThumbprint } from '../support/possession.ts'
import { clientKey, ISSUER, ORIGIN, otherKey } from '../support/spine.ts'
import type { Chance } from './chance.ts'
import type { Draft, Mutation } from './draft.ts'
import { ISSUED, odd, set } from './members.ts'

const on = (path: string) => (draft: Draft) => draft.path === path
/** Members of the token, signed again by the authorization server. */
export const tokenMutations: readonly Mutation[] = [
  set('breaks', 'token', 'claims', 'iss', [
    ...odd,
    `${ISSUER}/`,
    ISSUER.toUpperCase(),
    `${ISSUER}.evil.example`,
    [ISSUER],
    ISSUER.slice(0, -1),
    '__proto__',
  ]),
  set('breaks', 'token', 'claims', 'aud', [
    ...odd,
    `${ORIGIN}/`,
    `${ORIGIN}.evil.example`,
    ORIGIN.slice(0, -1),
    [[ORIGIN]],
    [ORIGIN, 1],
    { 0: ORIGIN, length: 1 },
    'https://other.example',
  ]),
  set('harmless', 'token', 'claims', 'aud', [[ORIGIN], ['https://other.example', ORIGIN], [ORIGIN, ORIGIN]]),
  set('breaks', 'token', 'claims', 'exp', [
    ...odd,
    ISSUED - 6,
    '1800000300',
    -1,
    ISSUED * 1000,
    1e300,
    [ISSUED + 60],
    ISSUED + 600,
  ]),
  set('harmless', 'token', 'claims', 'exp', [ISSUED - 4, ISSUED + 0.5, ISSUED + 590]),
  set('harmless', 'token', 'claims', 'iat', [ISSUED, ISSUED + 10, ISSUED - 290, ISSUED - 0.5]),
  set('breaks', 'token', 'claims', 'sub', [...odd, ['user'], 'a\r\nb', 'ü', ' a', 'a'.repeat(1025), '\ud800']),
  set('breaks', 'token', 'claims', 'client_id', [...odd, ['client'], 'a\nb', 'é', '\udfff']),
  set(
    'breaks',
    'token',
    'claims',
    'scope',
    [...odd, ['accounts'], 'Accounts', 'accountss', 'xaccounts', 'accounts\tx', 'accounts,x', { accounts: true }],
    on('/accounts'),
  ),
  set(
    'breaks',
    'token',
    'claims',
    'scope',
    [...odd, 'account:43', 'account:', 'account:4', 'account:421', 'Account:42', 'account:{id}', 'account:%34%32'],
    on('/accounts/42'),
  ),
  set('harmless', 'token', 'claims', 'scope', [
    'accounts account:42',
    'x accounts y account:42',
    ' accounts  account:42 ',
  ]),
  set('breaks', 'token', 'header', 'kid', ['as-2', 'AS-1', '', 0, null, ['as-1'], '../as-1', 'a'.repeat(300)]),
  set('harmless', 'token', 'header', 'kid', [undefined]),
  set('breaks', 'token', 'header', 'jwk', [clientKey.jwk, null, {}]),
  set('breaks', 'token', 'header', 'jku', ['https://evil.example/jwks']),
  set('breaks', 'token', 'header', 'x5u', ['https://evil.example/x5u']),
  {
    name: 'token cnf',
    effect: 'breaks',
    apply: ({ token }, chance) => {
      const cnf = token.claims.cnf as Record<string, unknown>
      token.claims.cnf = wrongConfirmation(cnf, chance)
    },
  },
  {
    name: 'token cnf names another method besides',
    effect: 'breaks',
    fits: ({ kind }) => kind !== 'both',
    apply: ({ token, kind }) => {
      const cnf = token.claims.cnf as Record<string, unknown>
      Object.assign(cnf, kind === 'dpop' ? { 'x5t#S256': certificateThumbprint } : { jkt: clientKey.thumbprint })
    },
  },
  {
    name: 'token cnf with unknown members besides',
    effect: 'harmless',
    apply: ({ token }) => void Object.assign(token.claims.cnf as object, { jwk: {}, kid: 'x', 'x5t#S512': 'y' }),
  },
]

/** Confirmations that name no key or certificate of this client. */
function wrongConfirmation(cnf: Record<string, unknown>, chance: Chance): unknown {
  const [name = ''] = Object.keys(cnf)
  const value = String(cnf[name])
  const changed = [
    value.toLowerCase(),
    `${value}=`,
    value.slice(1),
    ` ${value}`,
    Buffer.from(value, 'base64url').toString('hex'),
    [value],
    { [name]: value },
    null,
    '',
    0,
    otherKey.thumbprint,
  ]
  return chance.pick<() => unknown>([
    () => undefined,
    () => null,
    () => [],
    () => [cnf],
    () => value,
    () => true,
    () => ({}),
    () => ({ jwk: clientKey.jwk }),
    () => ({ [name.toUpperCase()]: value }),
    () => ({ 'x5t#S512': value }),
    () => JSON.stringify(cnf),
    () => ({ ...cnf, [name]: changed[chance.below(changed.length)] }),
  ])()
}
