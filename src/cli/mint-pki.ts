import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import { isIPv4 } from 'node:net'
import { join } from 'node:path'
import { type Command, Option } from 'commander'
import { readPki, readState, writePkiFiles } from '../io/pki-directory.ts'
import { startPkiResponder } from '../io/pki-responder.ts'
import { type KeyType, keyTypes } from '../mint/keys.ts'
import { createPki, issueCertificate, type Order, type PkiFile, revoke, stateFile, writeLists } from '../mint/pki.ts'
import { roleNames } from '../verify/certificate-roles.ts'
import { isHostName, isUri } from '../verify/x509/general-name.ts'
import { refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'

interface PkiOptions {
  readonly out: string
  readonly host: readonly string[]
  readonly keyType: KeyType
  readonly statusUrl?: string
  readonly days: string
  readonly force?: boolean
  readonly json?: boolean
}

interface CertificateOptions {
  readonly role: readonly string[]
  readonly organization?: string
  readonly organizationIdentifier?: string
  readonly dns: readonly string[]
  readonly uri: readonly string[]
  readonly days: string
  readonly json?: boolean
}

const MARK = 'development material: never use it in production\n'
const DAY = 86_400
const chance = () => ({ now: Math.floor(Date.now() / 1000), random: randomBytes })
const collect = (value: string, before: readonly string[]): readonly string[] => [...before, value]
const isHost = (text: string): boolean =>
  /^[0-9.]+$/.test(text) ? isIPv4(text) : isHostName(text.replace(/^\*\./, ''))
const isDays = (text: string): boolean => /^[0-9]{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 3650

/** `mint pki | certificate | revoke | crl | responder`: authorities and certificates for development. */
export function registerPki(mint: Command, terminal: Terminal): void {
  registerAuthorities(mint, terminal)
  registerCertificate(mint, terminal)
  registerRevocation(mint, terminal)
  registerResponder(mint, terminal)
}

function registerAuthorities(mint: Command, terminal: Terminal): void {
  mint
    .command('pki')
    .description('make a root, an intermediate, a server, clients good and bad, and revocation lists')
    .requiredOption('--out <dir>', 'where it goes; a new or empty directory')
    .option('--host <name>', 'a name or IPv4 address of the server; may be repeated', collect, [])
    .addOption(new Option('--key-type <type>', 'kind of all keys').choices(keyTypes).default('ec'))
    .option('--status-url <url>', 'where mint responder will answer; stands in the certificates')
    .option('--days <number>', 'how long certificates last', '90')
    .option('--force', 'replace a development PKI that is there')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi mint pki --out pki --host api.bank.example --status-url http://127.0.0.1:9180',
    )
    .action(({ out, host, keyType, statusUrl, days, force, json }: PkiOptions) => {
      if (!isDays(days)) return refuseUsage(terminal, '--days is a whole number from 1 to 3650')
      if (statusUrl !== undefined && !/^http:\/\/[^\s/?#@]+$/.test(statusUrl))
        return refuseUsage(terminal, '--status-url is http://HOST or http://HOST:PORT')
      const wrong = host.find((name) => !isHost(name))
      if (wrong !== undefined) return refuseUsage(terminal, `--host ${wrong} is no host name and no IPv4 address`)
      const taken = contentsOf(out)
      if (taken > 0 && !readState(out).ok) return refuseUsage(terminal, `${out} holds other files; nothing was written`)
      if (taken > 0 && !force)
        return refuseUsage(terminal, `${out} holds a development PKI already; --force replaces it, with new keys`)
      const hosts = host.length > 0 ? host : ['localhost', '127.0.0.1']
      const { state, files } = createPki({ hosts, keyType, statusUrl, days: Number(days) }, chance())
      if (!put(out, files, terminal)) return
      terminal.err(MARK)
      if (json)
        return terminal.out(
          `${JSON.stringify({ directory: out, certificates: state.issued, files: files.map(({ path }) => path) })}\n`,
        )
      terminal.out(`${out}: root.pem, intermediate.pem, server.pem, crl/*.crl, and clients:\n`)
      for (const [name, what] of clients) terminal.out(`  ${join('clients', `${name}.pem`).padEnd(28)} ${what}\n`)
    })
}

/** What each client is for. */
const clients = [
  ['tpp', 'a payment service (PSP_AI, PSP_PI) with a qualified certificate'],
  ['payments-only', 'one with PSP_PI alone'],
  ['plain', 'a good certificate without roles'],
  ['revoked', 'on the list, and revoked for the responder'],
  ['expired', 'ended'],
  ['not-yet-valid', 'begins later'],
  ['server-only', 'for servers, not for clients'],
  ['self-signed', 'signed by itself; can be pinned'],
  ['stranger', 'of another authority (stranger-ca.pem)'],
] as const

const contentsOf = (directory: string): number => {
  try {
    return readdirSync(directory).length
  } catch {
    return 0
  }
}

function put(directory: string, files: readonly PkiFile[], terminal: Terminal): boolean {
  try {
    writePkiFiles(directory, files)
    return true
  } catch (error) {
    refuseUsage(
      terminal,
      `${directory} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`,
    )
    return false
  }
}

function registerCertificate(mint: Command, terminal: Terminal): void {
  mint
    .command('certificate <dir> <name>')
    .description('issue one more client certificate of a development PKI')
    .option('--role <role>', `a role of payment services; may be repeated: ${roleNames.join(', ')}`, collect, [])
    .option('--organization <name>', 'O of the subject')
    .option('--organization-identifier <id>', 'for example PSDGB-FCA-123456')
    .option('--dns <name>', 'an alternative name; may be repeated', collect, [])
    .option('--uri <uri>', 'an alternative name; may be repeated', collect, [])
    .option('--days <number>', 'how long it lasts', '90')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi mint certificate pki fintech --role PSP_AI --organization-identifier PSDGB-FCA-123456',
    )
    .action((directory: string, name: string, options: CertificateOptions) => {
      const { role, organization, organizationIdentifier, dns, uri, days, json } = options
      if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(name))
        return refuseUsage(terminal, 'a name of lower case letters, digits and hyphens, at most 63')
      if (!isDays(days)) return refuseUsage(terminal, '--days is a whole number from 1 to 3650')
      if (!dns.every(isHost) || !uri.every(isUri))
        return refuseUsage(terminal, '--dns is a host name, --uri an absolute URI')
      const roles = role.filter(isRole)
      if (roles.length < role.length) return refuseUsage(terminal, `--role is one of ${roleNames.join(', ')}`)
      const pki = readPki(directory)
      if (!pki.ok) return refuseUsage(terminal, pki.problem)
      const { state, authorities } = pki.value
      if (state.issued.some((one) => one.name === name))
        return refuseUsage(terminal, `there is a certificate named ${name} already`)
      const order: Order = {
        ...{ name, issuer: 'intermediate', usage: 'client', roles, dns, uris: uri, lasts: Number(days) * DAY },
        ...{ organization, organizationIdentifier },
      }
      const issued = issueCertificate(state, authorities, order, chance())
      if (!put(directory, [...issued.files, stateFile(issued.state)], terminal)) return
      terminal.err(MARK)
      const paths = issued.files.map(({ path }) => join(directory, path))
      terminal.out(json ? `${JSON.stringify({ files: paths })}\n` : `${paths.join('\n')}\n`)
    })
}

const isRole = (text: string): text is (typeof roleNames)[number] => roleNames.some((name) => name === text)

function registerRevocation(mint: Command, terminal: Terminal): void {
  mint
    .command('revoke <dir> <name>')
    .description('revoke a certificate of a development PKI and write its lists anew')
    .addOption(new Option('--by <source>', 'who tells').choices(['crl', 'ocsp', 'both']).default('both'))
    .addHelpText('after', '\nExample:\n  envoy-fapi mint revoke pki plain')
    .action((directory: string, name: string, { by }: { readonly by: 'crl' | 'ocsp' | 'both' }) => {
      const pki = readPki(directory)
      if (!pki.ok) return refuseUsage(terminal, pki.problem)
      const { now } = chance()
      const revoked = revoke(pki.value.state, name, by, now)
      if (!revoked.ok) return refuseUsage(terminal, revoked.problem)
      const { state, files } = writeLists(revoked.value, pki.value.authorities, now)
      if (!put(directory, [stateFile(state), ...files], terminal)) return
      terminal.out(`${name} is revoked\n`)
    })
  mint
    .command('crl <dir>')
    .description('write the revocation lists of a development PKI anew; they last seven days')
    .addHelpText('after', '\nExample:\n  envoy-fapi mint crl pki')
    .action((directory: string) => {
      const pki = readPki(directory)
      if (!pki.ok) return refuseUsage(terminal, pki.problem)
      const { state, files } = writeLists(pki.value.state, pki.value.authorities, chance().now)
      if (!put(directory, [stateFile(state), ...files], terminal)) return
      terminal.out(`${files.map(({ path }) => join(directory, path)).join('\n')}\n`)
    })
}

function registerResponder(mint: Command, terminal: Terminal): void {
  mint
    .command('responder <dir>')
    .description('answer OCSP questions and serve the lists of a development PKI on loopback until it is stopped')
    .option('--port <number>', 'port on 127.0.0.1; 0 takes a free one', '9180')
    .addHelpText('after', '\nExample:\n  envoy-fapi mint responder pki --port 9180')
    .action(async (directory: string, { port }: { readonly port: string }) => {
      if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535)
        return refuseUsage(terminal, '--port is a number from 0 to 65535')
      const tell = (line: string): void => terminal.err(`${line}\n`)
      const started = await startPkiResponder(directory, Number(port), () => Date.now() / 1000, tell)
      if (!started.ok) return refuseUsage(terminal, started.problem)
      terminal.err(MARK)
      terminal.out(`${started.value.url}\n`)
      const stop = (): void => void started.value.close()
      process.once('SIGTERM', stop)
      process.once('SIGINT', stop)
    })
}
