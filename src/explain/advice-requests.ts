import type { Advice } from './advice.ts'

/** What to do about requests that are refused before a token is judged. */
export const requestAdvice = {
  request_malformed: {
    check: 'request form',
    clause: 'RFC 9110 section 7.1',
    option: 'routes',
    cause:
      'The request cannot be judged: method, host or path are not what one HTTP request has, or a header would make the API behind Envoy see another request than the one that was judged.',
    example: 'x-http-method-override: DELETE on a GET',
    client: 'Send the real method and no header that overrides it; send one Host and a path of printable ASCII.',
    operator:
      'Nothing, when it is one client. When it is all of them, a proxy in front adds the header: remove it there.',
  },
  host_unknown: {
    check: 'public origin',
    clause: 'RFC 9449 section 4.3 (9)',
    option: 'publicOrigins',
    cause: 'The host of the request is none of the public origins, so there is no URI that a proof could be for.',
    example: 'Host: edge.internal:8443 where publicOrigins lists https://api.bank.example alone',
    client: 'Call the API by its public name.',
    operator:
      'A name that only your proxies use belongs into hosts of its public origin; a new public name into publicOrigins.',
  },
  path_not_canonical: {
    check: 'path form',
    clause: 'RFC 3986 section 6.2.2',
    option: 'routes',
    cause: 'Different readers understand this path differently, so an access rule could be walked around with it.',
    example: 'GET /accounts/../payments, GET /accounts//1, GET /accounts;v=1, GET /%61ccounts',
    client: 'Send the path in its normal form: no dot segments, no empty segments, no ; and no needless triplets.',
    operator: 'In Envoy set normalize_path, merge_slashes and path_with_escaped_slashes_action, see docs/lint.md.',
  },
  header_too_large: {
    check: 'header size',
    clause: 'RFC 6585 section 5',
    option: 'accessToken.maxBytes',
    cause: 'The Authorization field is longer than the route accepts.',
    example: 'an access token with hundreds of entitlements in one claim',
    client: 'Ask for a token with fewer scopes or claims.',
    operator:
      'Let the authorization server issue smaller tokens, or raise accessToken.maxBytes and the limits of Envoy with it.',
  },
  route_unknown: {
    check: 'route',
    clause: 'FAPI 2.0 Security Profile section 5.3.4',
    option: 'routes',
    cause: 'No route covers this host and path. What no rule covers is refused.',
    example: 'GET /v2/accounts where the routes cover /v1/** alone',
    client: 'Check the path against the documentation of the API.',
    operator:
      'Add a route, or look whether Envoy rewrites the path before it asks: the path it asks about is shown above.',
  },
  method_not_allowed: {
    check: 'method',
    clause: 'RFC 9110 section 15.5.6',
    option: 'routes',
    cause: 'A route covers the path, but not with this method.',
    example: 'DELETE /accounts/1 where the route says methods: [GET]',
    client: 'Use one of the methods that the Allow field of the answer lists.',
    operator:
      'Add the method to the route. OPTIONS has to be written out; HEAD is not implied by GET where methods are listed.',
  },
  client_certificate_malformed: {
    check: 'Client-Cert field',
    clause: 'RFC 9440 section 2.2',
    option: 'clientCertificateFrom',
    cause:
      'The proxy in front sent a Client-Cert or Client-Cert-Chain field that is no structured field with a certificate.',
    example: 'Client-Cert: -----BEGIN CERTIFICATE----- instead of Client-Cert: :MIIC…:',
    client: 'Nothing; the field is written by the proxy.',
    operator: 'Let the proxy write RFC 9440 byte sequences, between colons, and exactly one Client-Cert field.',
  },
  interaction_id_invalid: {
    check: 'x-fapi-interaction-id',
    clause: 'FAPI 2.0 Implementation Advice section 2.2.1',
    option: 'fapiHeaders.interactionId',
    cause: 'The x-fapi-interaction-id is no UUID, and the route refuses such requests instead of choosing another id.',
    example: 'x-fapi-interaction-id: order-4711',
    client: 'Send one RFC 4122 UUID, or leave the field out.',
    operator: 'With fapiHeaders: { interactionId: replace } such an id is replaced instead.',
  },
  credentials_missing: {
    check: 'Authorization field',
    clause: 'RFC 6750 section 3.1',
    option: 'accessToken',
    cause: 'There is no Authorization field, or its scheme is neither DPoP nor Bearer.',
    example: 'a request without Authorization; Authorization: Basic …',
    client: 'Send the access token: Authorization: DPoP with a DPoP proof, or Authorization: Bearer over mutual TLS.',
    operator:
      'Nothing, when clients forget it. When it is all of them, something in front removes Authorization, or a browser export left it out.',
  },
  credentials_malformed: {
    check: 'Authorization field',
    clause: 'RFC 6750 section 2.1',
    option: 'accessToken',
    cause: 'The scheme is right, but it is not followed by one blank and one token.',
    example: 'Authorization: DPoP "eyJ…"; Authorization: Bearer: eyJ…; Authorization: DPoP',
    client: 'Send scheme, blank, token: no quotes, no colon, no parameters.',
    operator: 'Nothing; only the client can mend it.',
  },
  credentials_repeated: {
    check: 'Authorization field',
    clause: 'RFC 6750 section 2',
    option: 'accessToken',
    cause: 'The request has more than one access token: two Authorization fields, or one more in the body.',
    example: 'Authorization: DPoP … and Authorization: Bearer … in one request',
    client: 'Send exactly one Authorization field and no access_token parameter.',
    operator: 'Look for a proxy or service mesh that adds an Authorization field of its own.',
  },
  token_in_query: {
    check: 'query',
    clause: 'FAPI 2.0 Security Profile section 5.3.4',
    option: 'accessToken',
    cause: 'The query has an access_token. Queries end up in logs and histories, so tokens there are refused.',
    example: 'GET /accounts?access_token=eyJ…',
    client: 'Send the token in the Authorization field, and get a new one: this one has been in a URL.',
    operator: 'Nothing; the token may be in the logs of every proxy it passed.',
  },
  token_in_body: {
    check: 'form body',
    clause: 'FAPI 2.0 Security Profile section 5.3.4',
    option: 'accessToken',
    cause: 'The form body has an access_token. FAPI takes it from the Authorization field alone.',
    example: 'POST with application/x-www-form-urlencoded and access_token=eyJ…',
    client: 'Send the token in the Authorization field.',
    operator: 'Nothing; only the client can mend it.',
  },
  body_truncated: {
    check: 'form body',
    clause: 'RFC 6750 section 2.2',
    option: 'accessToken',
    cause: 'Envoy sent only the beginning of a form body, so nobody can say whether a token stands in the rest.',
    example: 'a form of 100 KiB where max_request_bytes is 64 KiB',
    client: 'Send a smaller form, or the data as JSON.',
    operator: 'Raise max_request_bytes of with_request_body in the ext_authz filter of Envoy.',
  },
} as const satisfies Record<string, Advice>
