import { join } from 'node:path'
import { stringify } from 'yaml'
import { commandLine } from './command-line.ts'
import { directoryWith } from './config-files.ts'

/** A configuration with a route for each way of binding, an open one, and one whose scope carries an account. */
export const configuration = {
  publicOrigins: ['https://api.bank.example'],
  authorizationServers: [{ name: 'as', issuer: 'https://as.bank.example' }],
  routes: [
    { name: 'health', path: '/health', open: true },
    { name: 'account', path: '/accounts/{id}', scopes: { parameter: { scope: 'account:{id}', fact: 'id' } } },
    { name: 'nonce', path: '/nonce', senderConstraint: { methods: ['dpop'], dpop: { nonce: 'required' } } },
    { name: 'mtls', path: '/mtls', senderConstraint: { methods: ['mtls'] } },
    { name: 'both', path: '/both', senderConstraint: { both: true } },
    { name: 'api', path: '/**', scopes: ['accounts'] },
  ],
}

/** A file of cases, and what `test` says of it; paths without their folder. */
export async function tryCases(
  cases: object | string | Uint8Array,
  { config = configuration, flags = [], environment = {} }: Options = {},
) {
  const folder = directoryWith({
    'envoy-fapi.yaml': JSON.stringify(config),
    'cases.yaml': typeof cases === 'string' || cases instanceof Uint8Array ? cases : stringify(cases),
  })
  const argv = ['test', '--config', join(folder, 'envoy-fapi.yaml'), join(folder, 'cases.yaml'), ...flags]
  const ran = await commandLine(argv, environment)
  const strip = (text: string): string => text.replaceAll(`${folder}/`, '')
  return { ...ran, out: strip(ran.out), err: strip(ran.err), folder }
}

interface Options {
  readonly config?: object
  readonly flags?: readonly string[]
  readonly environment?: NodeJS.ProcessEnv
}

interface JsonReport {
  readonly ok: boolean
  readonly passed: number
  readonly failed: number
  readonly routesWithoutCase: readonly string[] | null
  readonly cases: readonly {
    readonly name: string
    readonly ok: boolean
    readonly line: number
    readonly requests: readonly {
      readonly status: number
      readonly reason: string
      readonly would?: string
      readonly route: string
      readonly detail?: string
      readonly failed?: { readonly check: string }
      readonly differences: readonly { readonly what: string; readonly expected: string; readonly got: string }[]
    }[]
  }[]
}

/** The report of a run, as `--json` prints it. */
export async function reportOf(cases: object, options: Options = {}): Promise<JsonReport> {
  const { out, err } = await tryCases(cases, { ...options, flags: [...(options.flags ?? []), '--json'] })
  if (err !== '') throw new Error(err)
  const report = JSON.parse(out) as JsonReport
  if (!('passed' in report)) throw new Error(out)
  return report
}

/** The reasons that a case ends with, request by request. */
export async function reasonsOf(difference: object, options: Options & { readonly clients?: object } = {}) {
  const { clients = { tpp: {}, thief: {} }, ...rest } = options
  const expect = { reason: 'allowed' }
  const one = { name: 'it', request: 'GET /', ...('steps' in difference ? {} : { expect }), ...difference }
  const { cases } = await reportOf({ clients, cases: [one] }, rest)
  return cases.flatMap(({ requests }) => requests.map(({ reason }) => reason))
}
