import { randomUUID } from 'node:crypto'
import type { Command } from 'commander'
import type { Config } from '../config.ts'
import type { Finding } from '../doctor/findings.ts'
import { type Aim, protectedPath } from '../doctor/requests.ts'
import { readAuthorities } from '../io/authorities.ts'
import { loadConfig } from '../io/config-file.ts'
import { tryOutside } from '../io/doctor-outside.ts'
import { type Door, tryThrough } from '../io/doctor-through.ts'
import { publications } from '../resource-metadata.ts'
import { nameAuthority } from '../routes.ts'
import { refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'
import { spellProblems } from './problems.ts'

interface DoctorOptions {
  readonly config: string
  readonly through?: string
  readonly cacert?: string
  readonly connect?: string
  readonly json?: boolean
}

/** `doctor --config FILE [--through URL]`: tries what a configuration needs from the world around it. */
export function registerDoctor(program: Command, terminal: Terminal): void {
  program
    .command('doctor')
    .description('try the outside world that a configuration names, or a deployed Envoy in front of it')
    .requiredOption('-c, --config <file>', 'configuration file (YAML)')
    .option('--through <url>', 'send harmless requests without credentials through the Envoy at this URL')
    .option('--cacert <file>', "certificate authority of that Envoy, besides the system's")
    .option('--connect <host:port>', 'connect there instead of to the host of the URL')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi doctor --config envoy-fapi.yaml\n  envoy-fapi doctor --config envoy-fapi.yaml --through https://api.bank.example/accounts',
    )
    .action((options: DoctorOptions) => runDoctor(options, terminal))
}

async function runDoctor(options: DoctorOptions, terminal: Terminal): Promise<void> {
  if (options.through === undefined && (options.cacert !== undefined || options.connect !== undefined))
    return refuseUsage(terminal, '--cacert and --connect go with --through')
  const loaded = loadConfig(options.config, terminal.environment)
  if (!loaded.ok) {
    if (options.json) terminal.out(`${JSON.stringify({ ok: false, problems: loaded.problems })}\n`)
    else terminal.err(spellProblems(loaded.problems))
    terminal.exit(2)
    return
  }
  const { config } = loaded
  const path = options.through === undefined ? undefined : readThrough(options.through, options, config, terminal)
  if (options.through !== undefined && !path) return
  const findings = path
    ? await tryThrough(path.door, path.aim, config, publishedFor(path.aim, config))
    : await tryOutside(config)
  const problems = findings.filter(({ severity }) => severity === 'problem').length
  if (options.json) terminal.out(`${JSON.stringify({ ok: problems === 0, findings })}\n`)
  else terminal.out(spellFindings(findings))
  if (problems > 0) terminal.exit(1)
}

/** The metadata that clients of this host are told of. */
const publishedFor = ({ host }: Aim, config: Config) =>
  publications(config).find(({ origin }) => origin.authorities.includes(nameAuthority(host)))

function readThrough(
  through: string,
  { cacert, connect }: DoctorOptions,
  config: Config,
  terminal: Terminal,
): { readonly door: Door; readonly aim: Aim } | undefined {
  if (!/^https:\/\//i.test(through) || !URL.canParse(through))
    return refuseUsage(terminal, `${printable(through)} is not an https URL`)
  const { hostname, host, port, pathname, username, password } = new URL(through)
  if (username !== '' || password !== '') return refuseUsage(terminal, 'the URL holds a user; no credential is needed')
  const path = pathname === '/' ? protectedPath(config) : pathname
  if (path === undefined)
    return refuseUsage(terminal, 'no route that wants a token takes GET; give the path of one in the URL')
  const [, v6, name, number] = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})$/.exec(connect ?? '') ?? []
  if (connect !== undefined && !(Number(number) <= 65_535))
    return refuseUsage(terminal, `${printable(connect)} is not host:port`)
  const ca = cacert === undefined ? undefined : readAuthorities(cacert)
  if (ca && !ca.ok) return refuseUsage(terminal, ca.problem)
  const serverName = hostname.replaceAll(/[[\]]/g, '')
  const door = {
    host: v6 ?? name ?? serverName,
    port: Number(number ?? (port || 443)),
    serverName,
    ca: ca?.value,
  }
  return { door, aim: { host, path, interactionId: randomUUID() } }
}

function spellFindings(findings: readonly Finding[]): string {
  const width = Math.min(48, Math.max(...findings.map(({ tried }) => tried.length)))
  const lines = findings.map(({ severity, id = '', tried, found, fix, lint = [] }) => {
    const alike = lint.length === 0 ? '' : ` (lint: ${lint.join(', ')})`
    const told = `${severity.padEnd(8)}  ${id.padEnd(5)}  ${printable(tried).padEnd(width)}  ${printable(found)}\n`
    return fix === undefined ? told : `${told}${' '.repeat(17)}fix: ${fix}${alike}\n`
  })
  const count = (wanted: string): number => findings.filter(({ severity }) => severity === wanted).length
  return `${lines.join('')}${count('problem') === 0 ? 'fine' : `problems: ${count('problem')}`}, warnings: ${count('warning')}, tried: ${findings.length}\n`
}

/** What others sent, on one line and without anything that steers a terminal. */
const printable = (text: string): string =>
  text
    .replaceAll(/[^\x20-\x7e]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .slice(0, 400)
