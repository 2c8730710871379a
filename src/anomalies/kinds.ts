/** What attacks have about them, and now and then a client that is merely broken. Closed: each has its metric and its alert. */
export const anomalies = {
  bound_token_as_bearer:
    'A token bound to a DPoP key came with the Bearer scheme: whoever sent it may not have the key.',
  other_key: 'A proof was made with another key than the one the token is bound to.',
  other_certificate: 'The client certificate is another than the one the token is bound to.',
  replay: 'A DPoP proof came a second time.',
  token_shared: 'One token came with two keys or certificates, or from two public networks within a minute.',
  first_certificate: 'A client known for an hour showed a certificate it had not shown before.',
  certificate_expiry: 'The certificate of a client ends within 30 days; told once a day for each certificate.',
  clock_skew: 'A proof was dated more than 30 s away from our clock.',
  foreign_nonce: 'A proof held a nonce that we did not issue within the last day.',
  forged_identity: 'A request came with a header named like those that carry verified identity.',
  deny_rate: 'Within a minute, at least 20 requests of a client and more than half of all of them were refused.',
} as const

export type AnomalyKind = keyof typeof anomalies
