import { compileTemplate } from '../path-template.ts'
import { normalizeOrigin, normalizeTarget } from '../verify/target-uri.ts'

/** What `init` writes the wiring for. */
const targets = ['envoy', 'sidecar', 'istio', 'envoy-gateway'] as const
export type Target = (typeof targets)[number]

const bindings = ['dpop', 'mtls', 'both'] as const

/** What a user has said, checked: everything the files are made of. */
export interface Answers {
  readonly target: Target
  /** The public origin in its normal form, and its host. */
  readonly origin: string
  readonly host: string
  readonly port: number
  readonly issuer: string
  readonly path: string
  readonly scopes: readonly string[]
  /** What tokens may be bound to; `both` takes either. */
  readonly binding: (typeof bindings)[number]
  readonly upstream: { readonly host: string; readonly port: number }
  /** A key file stands in for the authorization server. */
  readonly dev: boolean
}

/** One thing `init` has to know: a flag, and a question where there is a terminal. */
interface Question {
  readonly flag: 'for' | 'origin' | 'issuer' | 'path' | 'scope' | 'binding' | 'upstream'
  readonly value: string
  readonly text: string
  /** Taken when nothing is said; none when the answer cannot be guessed and nobody can be asked. */
  readonly fallback: (said: Said) => string | undefined
  /** Offered to whoever is asked, where there is no fallback. */
  readonly example?: string
  /** What is wrong with an answer and what to do about it. */
  readonly refuse: (answer: string, said: Said) => string | undefined
}

/** Answers as they were given, by flag. */
export type Said = Partial<Record<Question['flag'], string>>

export const questions: readonly Question[] = [
  {
    flag: 'for',
    value: 'platform',
    text: `where Envoy runs: ${targets.join(', ')}`,
    fallback: () => 'envoy',
    refuse: oneOf(targets),
  },
  {
    flag: 'origin',
    value: 'url',
    text: 'the URL your clients call, https://host[:port]',
    fallback: () => undefined,
    example: 'https://api.bank.example',
    refuse: refuseOrigin,
  },
  {
    flag: 'issuer',
    value: 'url',
    text: 'the issuer of their access tokens (iss)',
    fallback: () => undefined,
    example: 'https://as.bank.example',
    refuse: refuseIssuer,
  },
  {
    flag: 'path',
    value: 'template',
    text: 'the paths of your API, like /accounts/** or /accounts/{id}',
    fallback: () => '/**',
    refuse: (answer) => {
      const template = compileTemplate(answer)
      return template.ok ? undefined : `${template.problem}: write a path like /accounts/**`
    },
  },
  {
    flag: 'scope',
    value: 'names',
    text: 'the scopes a token needs there, apart by blanks',
    fallback: () => 'accounts',
    refuse: (answer) =>
      /^[!#-[\]-~]+(?: [!#-[\]-~]+)*$/.test(answer) && !answer.includes('${')
        ? undefined
        : 'scopes are words of ASCII without quotes and backslashes, apart by one blank: write "accounts payments"',
  },
  {
    flag: 'binding',
    value: 'kind',
    text: 'what tokens are bound to: dpop, mtls, or both (either is taken)',
    fallback: () => 'dpop',
    refuse: oneOf(bindings),
  },
  {
    flag: 'upstream',
    value: 'host:port',
    text: 'where your API is',
    fallback: (said) => upstreams[targetOf(said)].fallback,
    refuse: refuseUpstream,
  },
]

/** How an upstream is named in each place. */
const upstreams: Record<Target, { readonly fallback: string; readonly form: RegExp; readonly fix: string }> = {
  envoy: {
    fallback: '127.0.0.1:8080',
    form: /^[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?$/i,
    fix: 'write host:port, like 127.0.0.1:8080',
  },
  sidecar: {
    fallback: '127.0.0.1:8080',
    form: /^(?:127(?:\.[0-9]{1,3}){3}|localhost)$/,
    fix: 'the API stands in the same pod: write 127.0.0.1:port',
  },
  istio: {
    fallback: 'accounts.accounts:8080',
    form: /^[a-z]([a-z0-9-]*[a-z0-9])?\.[a-z]([a-z0-9-]*[a-z0-9])?$/,
    fix: 'write the Service as name.namespace:port',
  },
  'envoy-gateway': {
    fallback: 'accounts:8080',
    form: /^[a-z]([a-z0-9-]*[a-z0-9])?$/,
    fix: 'write the Service in the namespace fapi as name:port',
  },
}

const targetOf = (said: Said): Target => targets.find((one) => one === said.for) ?? 'envoy'

function oneOf(names: readonly string[]): Question['refuse'] {
  return (answer) => (names.includes(answer) ? undefined : `say one of ${names.join(', ')}`)
}

function refuseOrigin(answer: string): string | undefined {
  if (answer.includes('*')) return 'a wildcard selects no public origin: write one host name'
  if (/^http:/i.test(answer)) return 'clients have to come over TLS: write https://'
  const origin = normalizeOrigin(answer)
  if (!origin.ok) return `${origin.problem}: write it without path, query and slash at the end`
  const host = new URL(origin.value).hostname
  if (/^\[|^[0-9.]+$/.test(host)) return 'clients name no address in their TLS handshake: write a host name'
  return /^[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*$/.test(host)
    ? undefined
    : 'that is no host name: letters, digits, - and .'
}

function refuseIssuer(answer: string): string | undefined {
  if (/^http:/i.test(answer)) return 'keys from an unauthenticated server prove nothing: write https://'
  if (/[?#]/.test(answer)) return 'an issuer has neither query nor fragment: leave them out'
  const target = normalizeTarget(answer)
  return target.ok ? undefined : `${target.problem}: write it exactly as the claim iss has it`
}

function refuseUpstream(answer: string, said: Said): string | undefined {
  const { form, fix } = upstreams[targetOf(said)]
  const [, host = '', port = ''] = /^(.+):([0-9]{1,5})$/.exec(answer) ?? []
  return form.test(host) && Number(port) > 0 && Number(port) < 65_536 ? undefined : fix
}

/** What was said, with the fallbacks → the answers, or what is wrong with each flag. */
export function readAnswers(
  said: Said,
  dev: boolean,
): { readonly ok: true; readonly answers: Answers } | { readonly ok: false; readonly problems: readonly string[] } {
  const problems: string[] = []
  const whole: Said = {}
  for (const { flag, fallback, refuse, text, example } of questions) {
    const answer = said[flag] ?? fallback(whole)
    const problem = answer === undefined ? undefined : refuse(answer, whole)
    if (answer === undefined) problems.push(`--${flag} is missing: ${text}, like --${flag} ${example}`)
    else if (problem !== undefined) problems.push(`--${flag} ${JSON.stringify(answer)}: ${problem}`)
    else whole[flag] = answer
  }
  const target = targetOf(whole)
  if (dev && target !== 'envoy') problems.push('--dev is for a machine of your own: leave it out, or say --for envoy')
  if (dev && whole.binding !== undefined && whole.binding !== 'dpop')
    problems.push('--dev makes tokens that are bound to a key: leave --binding out')
  if (problems.length > 0) return { ok: false, problems }
  const { origin = '', issuer = '', path = '', scope = '', binding, upstream = '' } = whole
  const url = new URL(origin)
  const colon = upstream.lastIndexOf(':')
  return {
    ok: true,
    answers: {
      target,
      origin: url.origin,
      host: url.hostname,
      port: Number(url.port || 443),
      issuer,
      path,
      scopes: scope.split(' '),
      binding: bindings.find((one) => one === binding) ?? 'dpop',
      upstream: { host: upstream.slice(0, colon), port: Number(upstream.slice(colon + 1)) },
      dev,
    },
  }
}
