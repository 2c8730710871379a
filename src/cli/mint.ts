import { type Command, Option } from 'commander'
import { shellWord } from '../shell-word.ts'
import { demoRequest } from './demo-state.ts'
import { makeMissingKeys, readCertificate, readKey, refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'
import { registerPki } from './mint-pki.ts'
import { mintProof, mintToken, type SigningKey } from './minting.ts'

interface TokenOptions {
  readonly key: string
  readonly issuer: string
  readonly audience: string
  readonly clientId: string
  readonly subject?: string
  readonly scope?: string
  readonly jkt?: string
  readonly certificate?: string
  readonly unbound?: boolean
  readonly newKeys?: boolean
  readonly expiresIn: string
  readonly json?: boolean
}

interface ProofOptions {
  readonly key: string
  readonly method: string
  readonly url: string
  readonly token?: string
  readonly nonce?: string
  readonly json?: boolean
}

interface CurlOptions {
  readonly demo?: boolean
  readonly replay?: boolean
  readonly scope?: string
  readonly data?: string
  readonly key?: string
  readonly token?: string
  readonly cacert?: string
  readonly connect?: string
  readonly json?: boolean
}

const MARK = 'development material: never use it in production\n'

/** `mint token | proof | curl`: development material, marked as such. */
export function registerMint(program: Command, terminal: Terminal): void {
  const mint = program
    .command('mint')
    .description('make development tokens, proofs, requests and certificates')
    .addHelpText('after', '\nExample:\n  eval "$(envoy-fapi mint curl --demo GET /accounts)"')
  registerToken(mint, terminal)
  registerProof(mint, terminal)
  registerCurl(mint, terminal)
  registerPki(mint, terminal)
}

function registerToken(mint: Command, terminal: Terminal): void {
  mint
    .command('token')
    .description('sign an access token (RFC 9068) with a private JWK')
    .requiredOption('--key <file>', 'private JWK of the authorization server (EC P-256, Ed25519 or RSA)')
    .requiredOption('--issuer <url>', 'iss')
    .requiredOption('--audience <url>', 'aud')
    .requiredOption('--client-id <id>', 'client_id')
    .option('--subject <id>', 'sub; the client when absent')
    .option('--scope <names>', 'scope, apart by blanks')
    .option('--jkt <file>', 'bind to the key in this JWK file (DPoP)')
    .option('--certificate <file>', 'bind to this PEM certificate (mTLS)')
    .option('--unbound', 'make a bearer token on purpose')
    .option('--new-keys', 'make the key files of --key and --jkt that do not exist yet')
    .option('--expires-in <seconds>', 'lifetime', '300')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi mint token --key as.jwk --issuer https://as.example --audience https://api.example --client-id tpp --scope accounts --jkt client.jwk',
    )
    .action(async (options: TokenOptions) => {
      const lifetime = Number(options.expiresIn)
      if (!options.jkt && !options.certificate && !options.unbound)
        return refuseUsage(terminal, 'say what the token is bound to: --jkt, --certificate or both; or --unbound')
      if (options.unbound && (options.jkt || options.certificate))
        return refuseUsage(terminal, '--unbound contradicts --jkt and --certificate')
      if (!/^-?[0-9]{1,9}$/.test(options.expiresIn))
        return refuseUsage(terminal, '--expires-in is a whole number of seconds')
      if (options.newKeys && !(await makeMissingKeys(options, terminal))) return
      const key = readKey(options.key, terminal)
      const jkt = options.jkt === undefined ? undefined : readKey(options.jkt, terminal, 'public')
      const certificate = options.certificate === undefined ? undefined : readCertificate(options.certificate, terminal)
      const missing = (file: string | undefined, read: unknown): boolean => file !== undefined && read === undefined
      if (!key || missing(options.jkt, jkt) || missing(options.certificate, certificate)) return
      terminal.err(MARK)
      const token = await mintToken({ ...options, key, jkt, certificate, lifetime, now: Date.now() / 1000 })
      terminal.out(options.json ? `${JSON.stringify({ token })}\n` : `${token}\n`)
    })
}

function registerProof(mint: Command, terminal: Terminal): void {
  mint
    .command('proof')
    .description('sign a DPoP proof (RFC 9449) with a private JWK')
    .requiredOption('--key <file>', 'private JWK of the client')
    .requiredOption('--method <name>', 'htm')
    .requiredOption('--url <url>', 'htu')
    .option('--token <token>', 'access token the proof is for (ath)')
    .option('--nonce <value>', 'value of the last DPoP-Nonce header')
    .option('--json', 'machine-readable output')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi mint proof --key client.jwk --method GET --url https://api.example/accounts --token "$TOKEN"',
    )
    .action(async (options: ProofOptions) => {
      const key = readKey(options.key, terminal)
      if (!key) return
      terminal.err(MARK)
      const proof = await mintProof({ ...options, key, now: Date.now() / 1000 })
      terminal.out(options.json ? `${JSON.stringify({ proof })}\n` : `${proof}\n`)
    })
}

function registerCurl(mint: Command, terminal: Terminal): void {
  mint
    .command('curl <method> <target>')
    .description('print a curl command with a fresh proof; eval it as often as you like')
    .addOption(
      new Option('--demo', 'fetch a token from the running demo; <target> is a path').conflicts(['key', 'token']),
    )
    .option('--replay', 'send the same proof twice and show the second answer')
    .option('--scope <names>', 'scope to ask the demo for; all it has when absent')
    .option('--data <text>', 'body, sent as application/json')
    .option('--key <file>', 'private JWK of the client')
    .option('--token <token>', 'access token')
    .option('--cacert <file>', 'certificate authority of the server')
    .option('--connect <host:port>', 'connect there instead of to the host of the URL')
    .option('--json', 'machine-readable output')
    .addHelpText('after', '\nExample:\n  eval "$(envoy-fapi mint curl --demo GET /accounts)"')
    .action(async (method: string, target: string, options: CurlOptions) => {
      if (!/^[A-Z]{1,32}$/.test(method)) return refuseUsage(terminal, `${method} is not a method in capitals`)
      const request = options.demo
        ? await demoRequest(target, options.scope, terminal)
        : ownRequest(target, options, terminal)
      if (!request) return
      const now = Date.now() / 1000
      const proof = await mintProof({ key: request.key, method, url: request.url, token: request.token, now })
      const line = spellCurl(method, request, proof, options.data)
      const shown = `${line} --write-out '\\n'\n`
      const command = options.replay ? `${line} --output /dev/null; ${shown}` : shown
      terminal.out(options.json ? `${JSON.stringify({ command: command.trimEnd() })}\n` : command)
    })
}

/** A command line for a POSIX shell. curl sends the target as it is, so that what is proven is what is sent. */
function spellCurl(
  method: string,
  { url, token, cacert, connect }: CurlRequest,
  proof: string,
  data: string | undefined,
): string {
  const words = ['curl', '--silent', '--show-error', '--include', '--max-time', '20', '--path-as-is', '--globoff']
  // With --request HEAD curl would wait for a body.
  words.push(...(method === 'HEAD' ? ['--head'] : ['--request', method]))
  if (cacert !== undefined) words.push('--cacert', cacert)
  if (connect !== undefined) words.push('--connect-to', `::${connect}`)
  if (data !== undefined) words.push('--header', 'Content-Type: application/json', '--data-raw', data)
  words.push('--header', `Authorization: DPoP ${token}`, '--header', `DPoP: ${proof}`, '--url', url)
  return words.map(shellWord).join(' ')
}

/** A request as `mint curl` needs it. */
export interface CurlRequest {
  readonly url: string
  readonly token: string
  readonly key: SigningKey
  readonly cacert: string | undefined
  readonly connect: string | undefined
}

function ownRequest(
  url: string,
  { key: file, token, cacert, connect }: CurlOptions,
  terminal: Terminal,
): CurlRequest | undefined {
  if (file === undefined || token === undefined)
    return refuseUsage(terminal, 'mint curl needs --demo, or --key and --token')
  if (!/^https:\/\//i.test(url) || !URL.canParse(url))
    return refuseUsage(terminal, `${url} is not an https URL; only with --demo the target is a path`)
  const key = readKey(file, terminal)
  return key && { url, token, key, cacert, connect }
}
