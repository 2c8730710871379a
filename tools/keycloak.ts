import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exitOf, stopProcess } from './envoy.ts'

/** The version that docs/keycloak.md is about. */
const VERSION = '26.7.3'
const DIGEST = '27a6535553c3cdcd083872ba40629efafb3475e3b758e0c6f691395561dd0f1f'
const NAME = `keycloak-quarkus-dist-${VERSION}.zip`
const directory = fileURLToPath(new URL('../.cache/keycloak', import.meta.url))
const home = join(directory, `keycloak-${VERSION}`)

/** How long the start may take, milliseconds. */
const PATIENCE = 180_000

/** The directory of Keycloak, fetched when there is none. What arrives has to be what this file was written for. */
export function findKeycloak(say: (line: string) => void): string {
  if (existsSync(join(home, 'bin', 'kc.sh'))) return home
  say(`Fetching Keycloak ${VERSION}, once (Maven Central: 177 MB to fetch, 190 MB in .cache/keycloak).`)
  mkdirSync(directory, { recursive: true })
  const archive = fetchArchive()
  const digest = createHash('sha256').update(readFileSync(archive)).digest('hex')
  if (digest !== DIGEST) throw new Error(`${archive} is not the Keycloak ${VERSION} it should be: SHA-256 ${digest}`)
  // Unpacked aside, so that half of it is never taken for the whole.
  const aside = join(directory, 'unpacking')
  rmSync(aside, { recursive: true, force: true })
  execFileSync('unzip', ['-q', archive, '-d', aside], { stdio: 'inherit' })
  renameSync(join(aside, `keycloak-${VERSION}`), home)
  for (const rest of [aside, archive, join(directory, 'm2')]) rmSync(rest, { recursive: true, force: true })
  return home
}

/** Maven knows where its packages come from. */
function fetchArchive(): string {
  if (!runs('mvn')) throw new Error('Maven fetches Keycloak: install it (Debian package maven), then try again')
  const repository = join(directory, 'm2')
  const artifact = `-Dartifact=org.keycloak:keycloak-quarkus-dist:${VERSION}:zip`
  const words = ['-q', '-B', `-Dmaven.repo.local=${repository}`, 'dependency:get', artifact, '-Dtransitive=false']
  execFileSync('mvn', words, { stdio: ['ignore', 2, 2], timeout: 600_000 })
  return join(repository, 'org/keycloak/keycloak-quarkus-dist', VERSION, NAME)
}

function runs(command: string): boolean {
  try {
    execFileSync(command, ['--version'], { stdio: 'ignore', timeout: 20_000 })
    return true
  } catch {
    return false
  }
}

/** A running Keycloak with one realm. */
export interface RunningKeycloak {
  readonly origin: string
  readonly issuer: string
  readonly admin: { readonly user: string; readonly password: string }
  readonly stop: () => Promise<void>
}

/** Starts Keycloak on loopback with everything in memory; resolves when it answers for the realm. */
export async function startKeycloak(options: {
  readonly keycloak: string
  readonly port: number
  /** PEM files; client certificates of `clientCa` are asked for. */
  readonly certificate: string
  readonly key: string
  readonly clientCa: string
  readonly realm: { readonly realm: string }
  readonly password: string
  readonly log: string
  /** Whether the realm is there already. */
  readonly answers: (url: string) => Promise<boolean>
  readonly spawned: (stop: () => Promise<void>) => void
}): Promise<RunningKeycloak> {
  const { keycloak, port, realm, password, log } = options
  const imports = join(keycloak, 'data', 'import')
  mkdirSync(imports, { recursive: true })
  writeFileSync(join(imports, 'realm.json'), JSON.stringify(realm), { mode: 0o600 })
  const origin = `https://localhost:${port}`
  const settings = {
    db: 'dev-mem',
    'http-host': '127.0.0.1',
    'http-enabled': 'false',
    'https-port': port,
    'https-certificate-file': options.certificate,
    'https-certificate-key-file': options.key,
    'https-client-auth': 'request',
    'truststore-paths': options.clientCa,
    hostname: origin,
  }
  const words = Object.entries(settings).map(([name, value]) => `--${name}=${value}`)
  const sink = openSync(log, 'a', 0o600)
  const child = spawn(join(keycloak, 'bin', 'kc.sh'), ['start-dev', '--import-realm', ...words], {
    stdio: ['ignore', sink, sink],
    env: { ...process.env, KC_BOOTSTRAP_ADMIN_USERNAME: 'admin', KC_BOOTSTRAP_ADMIN_PASSWORD: password },
  })
  closeSync(sink)
  const ended = exitOf(child)
  const stop = (): Promise<void> => stopProcess(child, ended)
  options.spawned(stop)
  const issuer = `${origin}/realms/${realm.realm}`
  let over = false
  void ended.then(() => {
    over = true
  })
  for (const end = Date.now() + PATIENCE; !(await options.answers(issuer)); ) {
    if (over || Date.now() > end) {
      await stop()
      throw new Error(`Keycloak did not start; see ${log}`)
    }
    await new Promise((resolve) => setTimeout(resolve, 500))
  }
  return { origin, issuer, admin: { user: 'admin', password }, stop }
}

if (import.meta.main) process.stdout.write(`${findKeycloak((line) => process.stderr.write(`${line}\n`))}\n`)
