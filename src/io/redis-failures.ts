/** Why a claim got no answer that can be used. A closed list: it is a metric label. */
export const causes = {
  connection: 'there is no connection to Redis',
  tls: 'the certificate or TLS settings of Redis are not acceptable',
  authentication: 'Redis refuses the user, its password or its rights',
  timeout: 'Redis does not answer in time',
  overload: 'too many claims wait for Redis',
  open: 'Redis is being spared after failures',
  loading: 'Redis is loading its data, or its cluster is not whole',
  readonly: 'Redis is a read-only replica',
  evicting: 'Redis may evict used proofs: maxmemory-policy is not noeviction',
  blind: 'Redis does not show run_id, master_replid and maxmemory_policy (INFO)',
  clock: 'the clocks of this host and of Redis differ by more than 30 s',
  full: 'Redis has no memory left',
  protocol: 'Redis gave a reply that makes no sense',
  refused: 'Redis answered with an error',
} as const

export type Cause = keyof typeof causes

/** Causes that follow each other while Redis cannot be reached; their alternation is no news. */
export const unreachable: ReadonlySet<Cause> = new Set(['connection', 'timeout', 'loading', 'protocol'])

/** A failure with its cause; `code` is a word of Node's or of Redis', never a text that could hold a secret. */
export interface Failure {
  readonly cause: Cause
  readonly code: string | undefined
}

/** Redis' first word of an error, also where an older one quotes it in the middle of its sentence. */
const words: readonly (readonly [RegExp, Cause])[] = [
  [/^OOM\b|-OOM /, 'full'],
  [/^READONLY\b|-READONLY /, 'readonly'],
  [/^(?:LOADING|BUSY|MASTERDOWN|CLUSTERDOWN|TRYAGAIN|MOVED|ASK|NOREPLICAS)\b|-NOREPLICAS /, 'loading'],
  [
    /^(?:NOAUTH|WRONGPASS|NOPERM)\b|^ERR (?:ACL failure in script|The user executing the script can't)/,
    'authentication',
  ],
  [/^Command timed out/, 'timeout'],
]

/** Names the client gives to errors that Redis replied with. */
const replies: ReadonlySet<string> = new Set(['ReplyError', 'SimpleError', 'BlobError'])

/** Node's and OpenSSL's codes for everything that is wrong with a certificate or a handshake. */
const TLS = /^(?:ERR_TLS|ERR_SSL|ERR_OSSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|EPROTO)/

/** What an error of the client, of Redis or of a socket means. */
export function readFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { cause: 'protocol', code: undefined }
  const { code } = error as NodeJS.ErrnoException
  if (code !== undefined) return { cause: TLS.test(code) ? 'tls' : 'connection', code }
  const known = words.find(([pattern]) => pattern.test(error.message))
  const word = /^[A-Z]{3,20}(?= )/.exec(error.message)?.[0]
  if (known) return { cause: known[1], code: word }
  if (replies.has(error.name)) return { cause: 'refused', code: word }
  if (/Please report this/.test(error.message)) return { cause: 'protocol', code: undefined }
  return { cause: 'connection', code: undefined }
}
