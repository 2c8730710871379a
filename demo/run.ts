// Runs the demo: everything on loopback, a table of requests through a real Envoy, then stays up for more.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { type DemoState, demoStateFile } from '../src/cli/demo-state.ts'
import { envoyDownload, findEnvoy, installedEnvoy } from '../tools/envoy.ts'
import { findRedis, startRedis } from '../tools/redis.ts'
import { choosePorts, complainOfBusyPort, findFree, freePorts, type Ports, parts } from './ports.ts'
import { isFair, race } from './race.ts'
import { requests } from './requests.ts'
import { type Scene, setScene } from './scene.ts'
import type { LogRecord } from './service-process.ts'
import { API, buildCleanup, type Cleanup, configEnvironment, type Setting, startSetting } from './setting.ts'
import { printTable } from './table.ts'

const print = (line: string): void => void process.stdout.write(`${line}\n`)

const HELP = `usage: make demo ARGS='[--once] [--free-ports] [port options]'

  --once                   end after the table; exit code 0 when every row is as expected, else 1
  --free-ports             let the system choose all ports
${parts.map(({ flag, part, port, variable }) => `  --${`${flag} <port>`.padEnd(23)}${part}; default ${port}, or ${variable}`).join('\n')}
`

/** A reason to end that the user can do something about. */
class Complaint extends Error {}

interface Options {
  readonly once: boolean
  readonly ports: Ports
}

async function readOptions(): Promise<Options | 'help'> {
  const flags = Object.fromEntries(parts.map(({ flag }) => [flag, { type: 'string' as const }]))
  const { values } = parseArgs({
    options: {
      ...flags,
      once: { type: 'boolean', default: false },
      'free-ports': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help === true) return 'help'
  const ports = values['free-ports'] === true ? await freePorts() : choosePorts(values, process.env)
  if (typeof ports === 'string') throw new Complaint(ports)
  return { once: values.once === true, ports }
}

/** The first line: what comes over the network, how big, how long it all takes. */
function announce(): void {
  const here = installedEnvoy()
  if (here)
    print(`Fetches nothing: Envoy is here (${here}). Takes about 20 seconds, needs no root, listens on loopback alone.`)
  else print(`Fetches ${envoyDownload}. Takes about 40 seconds, later 20; needs no root, listens on loopback alone.`)
}

async function demonstrate({ once, ports }: Options, cleanup: Cleanup, interrupted: () => boolean): Promise<number> {
  announce()
  const busy = await complainOfBusyPort(ports)
  if (busy !== undefined) throw new Complaint(busy)
  const envoy = fetchEnvoy()
  const directory = mkdtempSync(join(tmpdir(), 'envoy-fapi-demo-'))
  cleanup.add(async () => rmSync(directory, { recursive: true, force: true }))

  let follow: (record: LogRecord) => void = () => undefined
  const replicas = await startSharedStore(directory, cleanup)
  const options = {
    envoy,
    ports,
    directory,
    say: print,
    cleanup,
    follow: (record: LogRecord) => follow(record),
    ...(replicas && { replicas }),
  }
  const setting = await startSetting(options).catch((error: unknown) => explainStart(error, directory))
  const scene = await setScene(setting)
  if (interrupted()) return 130

  print('')
  const rows = requests(setting)
  const wrong = await printTable(rows, scene, (line) => {
    if (!interrupted()) print(line)
  })
  if (interrupted()) return 130
  print('')
  print(
    wrong === 0
      ? `All ${rows.length} requests came out as expected.`
      : `${wrong} of ${rows.length} requests came out otherwise than expected (✗).`,
  )
  const fair = await printRace(scene)
  if (interrupted()) return 130
  if (!once) {
    writeState(setting, cleanup)
    invite(setting)
    follow = printRecord
    await Promise.race([setting.envoy.ended, setting.service().ended, stopRequest.promise])
    if (!interrupted()) throw new Complaint(`a part of the demo ended by itself\n${logs(directory)}`)
  }
  return wrong === 0 && fair ? 0 : 1
}

/** The Redis that two replicas share; without one there is a single replica. */
async function startSharedStore(directory: string, cleanup: Cleanup) {
  const redis = findRedis()
  if (redis === undefined) {
    print('Redis                 not run: no redis-server 7 on PATH, so one replica alone (Debian: redis-server)')
    return undefined
  }
  const [port = 0] = await findFree(1)
  print(`Redis                 ${redis} 127.0.0.1:${port}, where two replicas remember used proofs`)
  const log = join(directory, 'redis.log')
  const { url } = await startRedis({ redis, port, directory, log, spawned: cleanup.add })
  return { redis: url, ports: await freePorts() }
}

/** Whether of all copies of a proof exactly one was let in, every time; true when there is nothing to race. */
async function printRace(scene: Scene): Promise<boolean> {
  const found = await race(scene)
  if (!found) {
    print('Race between replicas: not run, it needs a redis-server.')
    return true
  }
  const { rounds, copies, admitted, unknown } = found
  const fair = isFair(found)
  const blame = unknown === 0 ? 'every time' : `${unknown} times none, because Redis was too slow to tell (503)`
  print(
    fair
      ? `Race: ${rounds} proofs, ${copies} copies of each at once at two replicas: exactly one let in, ${blame}.`
      : `Race: of ${copies} copies of each proof so many were let in: ${admitted.join(', ')} ✗`,
  )
  return fair
}

function fetchEnvoy(): string {
  try {
    return findEnvoy(print)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    throw new Complaint(`Envoy could not be fetched (${why}). Put an envoy of that version on PATH, or try again.`)
  }
}

function explainStart(error: unknown, directory: string): never {
  throw new Complaint(`${error instanceof Error ? error.message : String(error)}\n${logs(directory)}`)
}

/** The last lines that the parts wrote; the files go away with the demo. */
function logs(directory: string): string {
  const tail = (name: string): string => {
    try {
      return readFileSync(join(directory, name), 'utf8').trimEnd().split('\n').slice(-15).join('\n')
    } catch {
      return ''
    }
  }
  return [tail('service.log'), tail('envoy.log')].filter((text) => text !== '').join('\n')
}

/** What `envoy-fapi mint curl --demo` needs; readable by this user alone, gone when the demo ends. */
function writeState({ ports, pki, authorizationServer: { issuer }, dpopClientJwk }: Setting, cleanup: Cleanup): void {
  const file = demoStateFile()
  const state: DemoState = {
    api: API,
    connect: `127.0.0.1:${ports.edge}`,
    cacert: join(pki.directory, 'ca.pem'),
    issuer,
    tokenEndpoint: `${issuer}/token`,
    clientId: 'tpp-dpop',
    resource: API,
    scope: 'accounts payments',
    key: dpopClientJwk as DemoState['key'],
  }
  mkdirSync(dirname(file), { recursive: true })
  rmSync(file, { force: true })
  writeFileSync(file, `${JSON.stringify(state)}\n`, { mode: 0o600 })
  // Another demo may have written its own since.
  cleanup.add(async () => {
    if (readFileSync(file, 'utf8') === `${JSON.stringify(state)}\n`) rmSync(file)
  })
}

function invite({ ports, pki, authorizationServer }: Setting): void {
  const environment = Object.entries(configEnvironment(ports, pki, authorizationServer.issuer))
  print(`
The demo stays up; Ctrl-C ends it. In another terminal, here, as often as you like:

  eval "$(npx envoy-fapi mint curl --demo GET /accounts)"
  eval "$(npx envoy-fapi mint curl --demo GET /accounts --replay)"                   # the second use of a proof: 401
  eval "$(npx envoy-fapi mint curl --demo GET /accounts --scope payments)"           # not that scope: 403
  curl -s http://127.0.0.1:${ports.metrics}/readyz

demo/envoy-fapi.yaml is watched: edit it and try again. To check it first:

  ${environment.map(([name, value]) => `${name}=${value}`).join(' ')} NONCE_SECRET=$(head -c 32 /dev/urandom | base64) npx envoy-fapi config check demo/envoy-fapi.yaml

Decisions as they are made:`)
}

function printRecord({ msg, decision, status, reason, method, path, detail, problems = [] }: LogRecord): void {
  if (msg === 'decision')
    print(
      `  ${decision === 'allow' ? 'allow' : `deny ${status}`}  ${reason}  ${method} ${path}${detail ? `  (${detail})` : ''}`,
    )
  if (msg.startsWith('configuration')) print(`  ${msg}`)
  for (const { line, key, message } of problems)
    print(`    demo/envoy-fapi.yaml:${line ?? '?'}: ${key ?? ''}: ${message}`)
}

const stopRequest = Promise.withResolvers<'stop'>()

async function main(): Promise<number> {
  const cleanup = buildCleanup()
  let interrupted = false
  const interrupt = (): void => {
    interrupted = true
    stopRequest.resolve('stop')
  }
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, interrupt)
  // Whoever read this went away, for example `head`: nothing may be left running.
  process.stdout.on('error', interrupt)
  try {
    const options = await readOptions()
    if (options === 'help') {
      print(HELP)
      return 0
    }
    const work = demonstrate(options, cleanup, () => interrupted)
    const first = await Promise.race([work, stopRequest.promise])
    if (first !== 'stop') return first
    await cleanup.run()
    return await work.catch(() => 130)
  } catch (error) {
    const usage = error instanceof Complaint || (error as { code?: string }).code?.startsWith('ERR_PARSE_ARGS') === true
    process.stderr.write(`${error instanceof Error ? (usage ? error.message : error.stack) : String(error)}\n`)
    return usage ? 2 : 3
  } finally {
    await cleanup.run()
  }
}

process.exit(await main())
