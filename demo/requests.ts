import { type Answer, dpopHeaders, type Edge, send, sendWithDpop } from './client.ts'
import { BY_ENVOY, type Outcome } from './outcome.ts'
import { proven, type Scene } from './scene.ts'
import { API, MTLS, type Setting } from './setting.ts'

/** One request of the table: what the client does, what has to come of it. */
export interface DemoRequest {
  readonly does: string
  readonly expected: Outcome
  readonly send: (scene: Scene) => Promise<Answer>
}

const ACCOUNTS = `${API}/accounts`

const passes = (upstream: string): Outcome => ({ answer: '200', reason: 'allowed', upstream })
const refused = (answer: string, reason: string): Outcome => ({ answer, reason, upstream: 'nothing' })
const badToken = (reason: string): Outcome => refused('401 invalid_token', reason)
const badProof = (reason: string): Outcome => refused('401 invalid_dpop_proof', reason)
const byEnvoy = (answer: string): Outcome => refused(answer, BY_ENVOY)

const get = ({ setting }: Scene, headers: Readonly<Record<string, string | readonly string[]>>, url = ACCOUNTS) =>
  send(setting.edge, { url, headers })

const honest: readonly DemoRequest[] = [
  {
    does: 'DPoP-bound token and a fresh proof',
    expected: passes('tpp-dpop (dpop)'),
    send: async (scene) => get(scene, await proven(scene)),
  },
  {
    does: 'the same over HTTP/2, POST /payments',
    expected: passes('tpp-dpop (dpop)'),
    send: async (scene) => {
      const [method, url, token] = ['POST', `${API}/payments`, scene.tokens.payments]
      const headers = await proven(scene, { method, url, token })
      return await send(scene.setting.edge, { method, url, headers, body: '{"amount":"10.00"}', http2: true })
    },
  },
  {
    does: 'certificate-bound token over mTLS',
    expected: passes('tpp-mtls (mtls)'),
    send: (scene) => sendMtls(scene, false),
  },
  {
    does: 'the same over HTTP/2',
    expected: passes('tpp-mtls (mtls)'),
    send: (scene) => sendMtls(scene, true),
  },
  {
    does: 'open route, no token, claims to be admin',
    expected: passes('nobody'),
    send: (scene) => get(scene, { 'x-authz-subject': 'admin' }, `${API}/health`),
  },
  {
    does: 'proper request that claims to be admin',
    expected: passes('tpp-dpop (dpop)'),
    send: async (scene) =>
      get(scene, {
        ...(await proven(scene)),
        'x-authz-subject': 'admin',
        'x-authz-client-id': ['admin', 'root'],
        'x-authz-roles': 'admin',
      }),
  },
]

const stolen: readonly DemoRequest[] = [
  {
    does: 'stolen DPoP token, sent as Bearer',
    expected: badToken('bound_token_as_bearer'),
    send: (scene) => get(scene, { authorization: `Bearer ${scene.tokens.dpop}` }),
  },
  {
    does: "stolen DPoP token, proof with thief's key",
    expected: badToken('proof_key_mismatch'),
    send: async (scene) => get(scene, await dpopHeaders(scene.tokens.dpop, scene.thiefKey, 'GET', ACCOUNTS)),
  },
  {
    does: 'stolen DPoP token, no proof',
    expected: badProof('proof_missing'),
    send: (scene) => get(scene, { authorization: `DPoP ${scene.tokens.dpop}` }),
  },
  {
    does: 'stolen token and proof, sent a second time',
    expected: badProof('proof_replayed'),
    send: async (scene) => {
      const headers = await proven(scene)
      await get(scene, headers)
      return await get(scene, headers)
    },
  },
  {
    does: 'stolen certificate-bound token alone',
    expected: badToken('certificate_missing'),
    send: (scene) => get(scene, { authorization: `Bearer ${scene.tokens.mtls}` }),
  },
  {
    does: "the same with another client's certificate",
    expected: badToken('certificate_mismatch'),
    send: (scene) => sendMtls(scene, false, 'otherClient'),
  },
  {
    does: 'plain bearer token, bound to nothing',
    expected: badToken('token_unbound'),
    send: (scene) => get(scene, { authorization: `Bearer ${scene.tokens.plain}` }),
  },
]

const badProofs: readonly DemoRequest[] = [
  {
    does: 'proof made for POST',
    expected: badProof('proof_method_mismatch'),
    send: async (scene) => get(scene, await proven(scene, { method: 'POST' })),
  },
  {
    does: 'proof made for another URI',
    expected: badProof('proof_target_mismatch'),
    send: async (scene) => get(scene, await proven(scene, { url: `${API}/payments` })),
  },
  {
    does: 'proof that is an hour old',
    expected: badProof('proof_expired'),
    send: async (scene) => get(scene, await proven(scene, { skew: -3600 })),
  },
  {
    does: 'two proofs',
    expected: badProof('proof_repeated'),
    send: async (scene) => {
      const [one, other] = [await proven(scene), await proven(scene)]
      return await get(scene, { ...one, dpop: [one.dpop, other.dpop] })
    },
  },
]

const badTokens: readonly DemoRequest[] = [
  {
    does: 'token that expired an hour ago',
    expected: badToken('token_expired'),
    send: async (scene) => get(scene, await proven(scene, { token: scene.tokens.expired })),
  },
  {
    does: 'token for another API',
    expected: badToken('token_audience_mismatch'),
    send: async (scene) => get(scene, await proven(scene, { token: scene.tokens.foreign })),
  },
  {
    does: 'token with a scope written into it',
    expected: badToken('token_signature_invalid'),
    send: async (scene) => get(scene, await proven(scene, { token: scene.tokens.tampered })),
  },
  {
    does: 'token signed by the thief',
    expected: badToken('token_signature_invalid'),
    send: async (scene) => get(scene, await proven(scene, { token: scene.tokens.forged })),
  },
  {
    does: 'token without the scope',
    expected: refused('403 insufficient_scope accounts', 'scope_insufficient'),
    send: async (scene) => get(scene, await proven(scene, { token: scene.tokens.payments })),
  },
]

const badRequests: readonly DemoRequest[] = [
  {
    does: 'no token',
    expected: refused('401 without error code', 'credentials_missing'),
    send: (scene) => get(scene, {}),
  },
  {
    does: 'token in the query',
    expected: refused('400 invalid_request', 'token_in_query'),
    send: (scene) => get(scene, {}, `${ACCOUNTS}?access_token=${scene.tokens.dpop}`),
  },
  {
    does: 'method the route does not have',
    expected: refused('405 allow: GET, HEAD', 'method_not_allowed'),
    send: async (scene) => {
      const headers = await proven(scene, { method: 'DELETE' })
      return await send(scene.setting.edge, { method: 'DELETE', url: ACCOUNTS, headers })
    },
  },
  {
    does: 'path that no route covers',
    expected: refused('403 access_denied', 'route_unknown'),
    send: async (scene) => get(scene, await proven(scene, { url: `${API}/admin` }), `${API}/admin`),
  },
  {
    does: 'GET /public/..%2faccounts',
    expected: byEnvoy('400'),
    send: (scene) => get(scene, {}, `${API}/public/..%2faccounts`),
  },
  {
    does: 'x_authz_subject: admin, with underscores',
    expected: byEnvoy('400'),
    send: async (scene) => get(scene, { ...(await proven(scene)), x_authz_subject: 'admin' }),
  },
  {
    does: 'no certificate where one is required',
    expected: byEnvoy('TLS refused'),
    send: (scene) => get(scene, { authorization: `Bearer ${scene.tokens.mtls}` }, `${MTLS}/accounts`),
  },
]

function sendMtls({ setting, tokens }: Scene, http2: boolean, who: 'client' | 'otherClient' = 'client') {
  const headers = { authorization: `Bearer ${tokens.mtls}` }
  return send(setting.edge, { url: `${MTLS}/accounts`, headers, certificate: setting.pki[who], http2 })
}

const BALANCES = `${API}/accounts/DE-1/balances`

async function readBalances(scene: Scene): Promise<Answer> {
  return get(scene, await proven(scene, { url: BALANCES, token: scene.tokens.consented }), BALANCES)
}

/** A consent that its user takes back between two requests. */
const consents: readonly DemoRequest[] = [
  {
    does: 'balances, with the consent of the user',
    expected: passes('user-1 or tpp-dpop (dpop)'),
    send: async (scene) => {
      const { consents: service, authorizationServer } = scene.setting
      service.put({
        ...{ consentId: 'c-1', state: 'ACTIVE', issuer: authorizationServer.issuer, clientId: 'tpp-dpop' },
        ...{ subject: 'user-1', permissions: ['ReadBalances'], accounts: ['DE-1'] },
      })
      return await readBalances(scene)
    },
  },
  {
    does: 'the same, two seconds after the user took it back',
    expected: refused('403 access_denied', 'consent_inactive'),
    send: async (scene) => {
      scene.setting.consents.revoke('c-1')
      // As long as the answer before may be believed.
      await new Promise((resolve) => setTimeout(resolve, 2100))
      return await readBalances(scene)
    },
  },
]

const PAYMENTS = `${API}/domestic-payments`

async function pay(scene: Scene, body: string): Promise<Answer> {
  const order = { method: 'POST', url: PAYMENTS }
  const headers = await proven(scene, { ...order, token: scene.tokens.agreed })
  const type = { 'content-type': 'application/json' }
  return await send(scene.setting.edge, { ...order, headers: { ...headers, ...type }, body })
}

/** A payment that is in the token, and others that are not. */
const payments: readonly DemoRequest[] = [
  {
    does: 'the payment that the user agreed to: 10.00 EUR',
    expected: passes('user-1 or tpp-dpop (dpop)'),
    send: (scene) => pay(scene, '{"amount":"10.00","currency":"EUR"}'),
  },
  {
    does: 'the same over 1000.00 EUR',
    expected: refused('403 access_denied', 'details_mismatch'),
    send: (scene) => pay(scene, '{"amount":"1000.00","currency":"EUR"}'),
  },
  {
    does: 'the same with the amount twice',
    expected: refused('400 invalid_request', 'details_request_unusable'),
    send: (scene) => pay(scene, '{"amount":"10.00","amount":"1000.00","currency":"EUR"}'),
  },
]

const TRANSFERS = `${API}/transfers`
const transfer = { method: 'POST', url: TRANSFERS, body: '{"amount":"10.00"}' }

/** Where a proof has to hold a nonce of the service. */
const nonces: readonly DemoRequest[] = [
  {
    does: 'POST /transfers, where proofs need a nonce',
    expected: refused('401 use_dpop_nonce', 'nonce_missing'),
    send: async (scene) => {
      const headers = await proven(scene, { ...transfer, token: scene.tokens.payments })
      return await send(scene.setting.edge, { ...transfer, headers })
    },
  },
  {
    does: 'the same, the client takes the nonce by itself',
    expected: passes('tpp-dpop (dpop)'),
    send: (scene) => dance(scene, [scene.setting.edge]),
  },
]

/** What a second replica changes: nothing. */
const replicas: readonly DemoRequest[] = [
  {
    does: 'proof used here, sent to the other replica',
    expected: badProof('proof_replayed'),
    send: async (scene) => {
      const headers = await proven(scene)
      await get(scene, headers)
      return await send(otherEdge(scene), { url: ACCOUNTS, headers })
    },
  },
  {
    does: 'nonce of this replica, taken to the other one',
    expected: passes('tpp-dpop (dpop)'),
    send: (scene) => dance(scene, [scene.setting.edge, otherEdge(scene)]),
  },
]

function otherEdge({ setting }: Scene): Edge {
  if (!setting.replica) throw new Error('there is one replica')
  return setting.replica.edge
}

/** The last answer: asked for a nonce, the client library tries again with it. */
async function dance({ tokens, dpopKey }: Scene, edges: readonly Edge[]): Promise<Answer> {
  const answers = await sendWithDpop(edges, tokens.payments, dpopKey, transfer)
  const last = answers.at(-1)
  if (answers.length !== 2 || !last) throw new Error(`the client got ${answers.length} answers`)
  return last
}

/** All requests of the demo, in the order of the table. */
export const requests = ({ replica }: Setting): readonly DemoRequest[] => [
  ...honest,
  ...stolen,
  ...badProofs,
  ...badTokens,
  ...badRequests,
  ...consents,
  ...payments,
  ...nonces,
  ...(replica ? replicas : []),
]
