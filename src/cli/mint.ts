import { readFileSync } from 'node:fs'
import { type Command, Option } from 'commander'
import { demoRequest } from './demo-state.ts'
import type { Terminal } from './main.ts'
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
  readonly expiresIn: string
}

interface ProofOptions {
  readonly key: string
  readonly method: string
  readonly url: string
  readonly token?: string
}

interface CurlOptions {
  readonly demo?: boolean
  readonly replay?: boolean
  readonly scope: string
  readonly key?: string
  readonly token?: string
  readonly cacert?: string
  readonly connect?: string
}

const MARK = 'development material: never use it in production\n'

/** `mint token | proof | curl`: development material, marked as such. */
export function registerMint(program: Command, terminal: Terminal): void {
  const mint = program.command('mint').description('make development tokens, proofs and requests')
  registerToken(mint, terminal)
  registerProof(mint, terminal)
  registerCurl(mint, terminal)
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
    .option('--expires-in <seconds>', 'lifetime', '300')
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi mint token --key as.jwk --issuer https://as.example --audience https://api.example --client-id tpp --scope accounts --jkt client.jwk',
    )
    .action(async (options: TokenOptions) => {
      if (!options.jkt && !options.certificate && !options.unbound)
        return usage(terminal, 'say what the token is bound to: --jkt, --certificate or both; or --unbound')
      const key = readKey(options.key, terminal)
      const jkt = options.jkt === undefined ? undefined : readKey(options.jkt, terminal)
      if (!key || (options.jkt !== undefined && !jkt)) return
      const certificate = options.certificate === undefined ? undefined : readText(options.certificate, terminal)
      if (options.certificate !== undefined && certificate === undefined) return
      const lifetime = Number(options.expiresIn)
      if (!Number.isInteger(lifetime)) return usage(terminal, '--expires-in is a whole number of seconds')
      terminal.err(MARK)
      terminal.out(`${await mintToken({ ...options, key, jkt, certificate, lifetime, now: Date.now() / 1000 })}\n`)
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
    .addHelpText(
      'after',
      '\nExample:\n  envoy-fapi mint proof --key client.jwk --method GET --url https://api.example/accounts --token "$TOKEN"',
    )
    .action(async (options: ProofOptions) => {
      const key = readKey(options.key, terminal)
      if (!key) return
      terminal.err(MARK)
      terminal.out(`${await mintProof({ ...options, key, now: Date.now() / 1000 })}\n`)
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
    .option('--scope <names>', 'scope to ask the demo for', 'accounts')
    .option('--key <file>', 'private JWK of the client')
    .option('--token <token>', 'access token')
    .option('--cacert <file>', 'certificate authority of the server')
    .option('--connect <host:port>', 'connect there instead of to the host of the URL')
    .addHelpText('after', '\nExample:\n  eval "$(envoy-fapi mint curl --demo GET /accounts)"')
    .action(async (method: string, target: string, options: CurlOptions) => {
      const request = options.demo
        ? await demoRequest(target, options.scope, terminal)
        : ownRequest(target, options, terminal)
      if (!request) return
      const now = Date.now() / 1000
      const proof = await mintProof({ key: request.key, method, url: request.url, token: request.token, now })
      const words = ['curl', '--silent', '--show-error', '--include', '--request', method]
      if (request.cacert) words.push('--cacert', request.cacert)
      if (request.connect) words.push('--connect-to', `::${request.connect}`)
      words.push('--header', `Authorization: DPoP ${request.token}`, '--header', `DPoP: ${proof}`, request.url)
      const line = words.map(quote).join(' ')
      terminal.out(options.replay ? `${line} --output /dev/null; ${line}\n` : `${line}\n`)
    })
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
  if (file === undefined || token === undefined) {
    usage(terminal, 'mint curl needs --demo, or --key and --token')
    return undefined
  }
  const key = readKey(file, terminal)
  return key && { url, token, key, cacert, connect }
}

/** One word of a POSIX shell command, whatever it holds. */
const quote = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)

function readKey(file: string, terminal: Terminal): SigningKey | undefined {
  const text = readText(file, terminal)
  if (text === undefined) return undefined
  try {
    const jwk: unknown = JSON.parse(text)
    if (typeof jwk === 'object' && jwk !== null && 'kty' in jwk) return jwk as SigningKey
  } catch {
    // Told below, like every other content that is not a JWK.
  }
  usage(terminal, `${file} is not a JWK`)
  return undefined
}

function readText(file: string, terminal: Terminal): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    usage(terminal, `${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`)
    return undefined
  }
}

function usage(terminal: Terminal, message: string): void {
  terminal.err(`${message}\n`)
  terminal.exit(2)
}
