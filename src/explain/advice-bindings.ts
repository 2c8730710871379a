import type { Advice } from './advice.ts'

/** What to do about tokens whose sender did not show what they are bound to. */
export const bindingAdvice = {
  token_unbound: {
    check: 'token is bound',
    clause: 'FAPI 2.0 Security Profile section 5.3.4',
    option: 'senderConstraint',
    cause: 'The token has no cnf claim: whoever holds it could use it.',
    example: 'a plain Bearer token',
    client: 'Send a DPoP proof to the token endpoint, or authenticate there by mutual TLS, and the token gets bound.',
    operator:
      'Make the authorization server bind the tokens of this client (dpop_bound_access_tokens, tls_client_certificate_bound_access_tokens).',
  },
  confirmation_unusable: {
    check: 'token cnf',
    clause: 'RFC 7800 section 3.1',
    option: 'senderConstraint',
    cause:
      'The cnf claim names neither jkt nor x5t#S256 in the right form, or something besides that is not understood.',
    example: '"cnf":{"kid":"1"}',
    client: 'Nothing; the authorization server writes the claim.',
    operator: 'Let the server write jkt (RFC 9449) or x5t#S256 (RFC 8705): base64url SHA-256, 43 characters.',
  },
  binding_incomplete: {
    check: 'both bindings',
    clause: 'RFC 7800 section 3.1',
    option: 'senderConstraint.both',
    cause: 'The route wants tokens that are bound to a key and to a certificate; this one is bound to one of them.',
    example: 'a token with jkt alone on a route with both: true',
    client: 'Ask for the token with a DPoP proof over mutual TLS.',
    operator: 'Remove both: true where one binding is enough.',
  },
  binding_refused: {
    check: 'binding method',
    clause: 'FAPI 2.0 Security Profile section 5.3.4',
    option: 'senderConstraint.methods',
    cause: 'The route does not accept this kind of binding.',
    example: 'a certificate-bound token on a route with methods: [dpop]',
    client: 'Get a token that is bound the way the challenge names.',
    operator: 'Add the method to senderConstraint.methods of the route.',
  },
  bound_token_as_bearer: {
    check: 'scheme fits binding',
    clause: 'RFC 9449 section 7.2',
    option: 'senderConstraint',
    cause: 'The token is bound to a DPoP key but was sent as Bearer. A thief without the key would do that.',
    example: 'Authorization: Bearer with a token whose cnf has jkt',
    client: 'Send Authorization: DPoP and a DPoP field with a proof for this request.',
    operator: 'Nothing for one client that is being set up. Otherwise ask the client whether the token was stolen.',
  },
  token_not_dpop_bound: {
    check: 'scheme fits binding',
    clause: 'RFC 9449 section 7.2',
    option: 'senderConstraint',
    cause: 'The scheme is DPoP, but the token is not bound to a DPoP key.',
    example: 'a certificate-bound token sent as Authorization: DPoP',
    client: 'Send a certificate-bound token as Bearer over mutual TLS; or ask for the token with a DPoP proof.',
    operator: 'Look whether the authorization server supports DPoP for this client.',
  },
  certificate_missing: {
    check: 'client certificate',
    clause: 'RFC 8705 section 3',
    option: 'clientCertificateFrom',
    cause: 'The token is bound to a client certificate, and there is none where the configuration looks for it.',
    example: 'a request without mutual TLS; source: connection behind a proxy that ends TLS',
    client: 'Make the connection with the certificate that the token was issued to.',
    operator:
      'In Envoy set include_peer_certificate and ask for certificates; behind a proxy set clientCertificateFrom to what the proxy sends.',
  },
  certificate_unusable: {
    check: 'certificate form',
    clause: 'RFC 7468 section 5',
    option: 'clientCertificateFrom',
    cause: 'There is a client certificate, but it cannot be read, or what was said beside it contradicts it.',
    example: 'an x-forwarded-client-cert whose Hash is not that of its Cert; a certificate of 20 KiB',
    client: 'Use an ordinary certificate, without commas, semicolons and quotes in its names.',
    operator: 'The detail names what contradicts. Let Envoy write the header anew: SANITIZE_SET with cert: true.',
  },
  certificate_mismatch: {
    check: 'token x5t#S256',
    clause: 'RFC 8705 section 3.1',
    option: 'clientCertificateFrom',
    cause: 'The token is bound to another certificate than the one that the connection was made with.',
    example: 'a renewed certificate with a token from before',
    client: 'After renewing the certificate get new tokens with it.',
    operator:
      'When all clients are refused, Envoy shows a certificate of your own, for instance that of a proxy in front: see clientCertificateFrom.',
  },
  proof_key_mismatch: {
    check: 'token jkt',
    clause: 'RFC 9449 section 6.1',
    option: 'senderConstraint',
    cause: 'The proof is good, but made with another key than the one the token is bound to.',
    example: 'a client that makes a new key on every start and keeps its tokens',
    client: 'Sign the proof with the key that signed the proof at the token endpoint; keep both together.',
    operator: 'Nothing for one client that is being set up. Otherwise somebody may use a stolen token.',
  },
} as const satisfies Record<string, Advice>
