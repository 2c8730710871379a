import { type Command, Option } from 'commander'
import { readHeaders } from '../attributes.ts'
import { dayExists } from '../durations.ts'
import { type Format, formats, MAX_CAPTURE, readCapture } from '../explain/capture.ts'
import { withCertificate } from '../explain/client-message.ts'
import { type Explanation, explain, type Setting } from '../explain/explanation.ts'
import { adviseCapture, type ShownCertificate } from '../explain/moment.ts'
import { factsOfRecord } from '../explain/record-facts.ts'
import { hideSecrets, secretsOf, withoutSecrets } from '../explain/secrets.ts'
import { spellExplanation } from '../explain/spell.ts'
import type { Loaded } from '../generation.ts'
import { readBounded } from '../io/bounded-file.ts'
import { loadConfig } from '../io/config-file.ts'
import { wall } from '../memory.ts'
import { explainLast, explainLogged } from './explain-past.ts'
import { tryRequest } from './explain-trial.ts'
import { refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'
import { spellProblems } from './problems.ts'

export interface ExplainOptions {
  readonly config?: string
  readonly request?: string
  readonly format?: Format
  readonly index?: string
  readonly certificate?: string
  readonly at?: string
  readonly ask?: boolean
  readonly last?: boolean
  readonly admin?: string
  readonly fromLog?: string
  readonly log?: string
  readonly json?: boolean
}

/** `explain`: why a request is allowed or denied. Ends with 0 when it is allowed and with 10 when it is denied. */
export function registerExplain(program: Command, terminal: Terminal): void {
  program
    .command('explain')
    .description('say why a request is allowed or denied: a captured one, the last one, or one in the log')
    .option('-c, --config <file>', 'configuration file (YAML)')
    .option('-r, --request <file>', 'captured request: CheckRequest as JSON, HAR, or HTTP/1.1 as text')
    .addOption(new Option('--format <name>', 'what the file is, when it cannot be told from it').choices(formats))
    .option('--index <n>', 'which request of a HAR file, from 0 on')
    .option('--certificate <file>', 'client certificate of the connection (PEM)')
    .option('--at <time>', 'judge as of this time (2026-01-31T12:00:00Z, or seconds since 1970)')
    .option('--ask', 'ask the authorization server about the token where the configuration says so')
    .option('--last', 'the last decision of the running service')
    .option('--admin <url>', 'admin port of the service; default: listen.admin of the configuration')
    .option('--from-log <id>', 'the decision with this interaction id or request id')
    .option(
      '--log <file>',
      'log or audit file of the service; default: the audit file of the configuration, else standard input',
    )
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExit codes: 0 allowed, 10 denied, 2 usage, configuration or unreadable input, 3 a fault of ours.\n\nExample:\n  envoy-fapi explain --config envoy-fapi.yaml --request request.http\n  envoy-fapi explain --config envoy-fapi.yaml --request session.har --index 3 --at 2026-01-31T12:00:00Z\n  envoy-fapi explain --config envoy-fapi.yaml --last\n  envoy-fapi explain --from-log c770aef3-6784-41f7-8e0e-ff5f97bddb3a --log envoy-fapi.log',
    )
    .action((options: ExplainOptions) => runExplain(options, terminal))
}

/** Options that mean nothing without another one: ignored, they would make believe. */
const belongsTo = {
  format: 'request',
  index: 'request',
  certificate: 'request',
  at: 'request',
  ask: 'request',
  admin: 'last',
  log: 'fromLog',
} as const
const others = Object.keys(belongsTo) as (keyof typeof belongsTo)[]

async function runExplain(options: ExplainOptions, terminal: Terminal): Promise<void> {
  const { request, last, fromLog } = options
  const modes = [request !== undefined, last === true, fromLog !== undefined].filter(Boolean).length
  if (modes !== 1) return refuseUsage(terminal, 'give one of --request FILE, --last and --from-log ID')
  const astray = others.find((name) => options[name] !== undefined && options[belongsTo[name]] === undefined)
  if (astray) return refuseUsage(terminal, `--${astray} belongs to --${belongsTo[astray].replace('L', '-l')}`)
  const loaded = options.config === undefined ? undefined : loadConfig(options.config, terminal.environment)
  if (loaded && !loaded.ok) {
    if (options.json) terminal.out(`${JSON.stringify({ ok: false, problems: loaded.problems })}\n`)
    else terminal.err(spellProblems(loaded.problems))
    terminal.exit(2)
    return
  }
  const setting = loaded && { config: loaded.config, placeOf: loaded.placeOf }
  const explanation =
    request !== undefined
      ? await explainCaptured(request, options, loaded, terminal)
      : fromLog !== undefined
        ? await explainLogged(fromLog, options, setting, terminal)
        : await explainLast(options, setting, terminal)
  if (!explanation) return
  terminal.out(options.json ? `${JSON.stringify(explanation)}\n` : spellExplanation(explanation, '.'))
  if (explanation.verdict === 'deny') terminal.exit(10)
}

async function explainCaptured(
  file: string,
  options: ExplainOptions,
  loaded: Loaded | undefined,
  terminal: Terminal,
): Promise<Explanation | undefined> {
  if (!loaded) return refuseUsage(terminal, '--request needs --config FILE')
  const now = options.at === undefined ? wall() : readTime(options.at)
  if (now === undefined) return refuseUsage(terminal, '--at: expected a time such as 2026-01-31T12:00:00Z')
  const index = options.index === undefined ? undefined : Number(options.index)
  if (index !== undefined && !/^[0-9]{1,6}$/.test(options.index ?? ''))
    return refuseUsage(terminal, '--index: expected a number, from 0 on')
  const bytes = readBounded(file, MAX_CAPTURE)
  const capture = bytes.ok ? readCapture(bytes.value, { format: options.format, index }) : bytes
  if (!capture.ok) return refuseUsage(terminal, `${file}: ${capture.problem}`)
  if (index !== undefined && capture.value.format !== 'har')
    return refuseUsage(terminal, `--index: ${file} is no HAR file, it holds one request`)
  const certificate = options.certificate === undefined ? undefined : readCertificates(options.certificate, terminal)
  if (options.certificate !== undefined && !certificate) return undefined
  const wire = certificate ? withCertificate(capture.value.wire, certificate.pem) : capture.value.wire

  const tried = await tryRequest(loaded, wire, { environment: terminal.environment, now, ask: options.ask === true })
  if (!tried.ok) return refuseUsage(terminal, tried.problem)
  const { record, notes } = tried.value
  const setting: Setting = { config: loaded.config, placeOf: loaded.placeOf }
  const headers = readHeaders(wire)
  const advised = adviseCapture({
    headers,
    format: capture.value.format,
    now,
    certificate,
    setting,
  })
  const facts = withoutSecrets(factsOfRecord(record, loaded.config, now), secretsOf(wire, headers))
  return hideSecrets(explain(facts, setting, [...notes, ...advised]), [])
}

/** Bytes of a file with a client certificate. */
const MAX_PEM = 65_536

/** The client's certificate is the first one; those behind it lead to the authority. */
function readCertificates(file: string, terminal: Terminal): ShownCertificate | undefined {
  const bytes = readBounded(file, MAX_PEM)
  if (!bytes.ok) return refuseUsage(terminal, `${file}: ${bytes.problem}`)
  const text = bytes.value.toString('latin1')
  const [pem] = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----\r?\n?/.exec(text) ?? []
  return pem === undefined
    ? refuseUsage(terminal, `${file}: there is no PEM certificate in it`)
    : { pem, behind: text.split('-----BEGIN CERTIFICATE-----').length - 2 }
}

/** Seconds since the epoch. */
function readTime(text: string): number | undefined {
  if (/^[0-9]{1,11}(?:\.[0-9]{1,3})?$/.test(text)) return Number(text)
  if (!/^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,12}(?:Z|[+-][0-9]{2}:[0-9]{2})$/.test(text)) return undefined
  const time = Date.parse(text) / 1000
  return Number.isFinite(time) && dayExists(text) ? time : undefined
}
