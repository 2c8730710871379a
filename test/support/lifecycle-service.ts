import { randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type LogRecord, type ServiceProcess, startServiceProcess } from '../../demo/service-process.ts'
import type { CheckRequest } from '../../src/wire.ts'
import { type CheckClient, type Connecting, connectCheck } from './lifecycle-grpc.ts'
import { temporaryDirectory } from './lifecycle-server.ts'
import { goodRequest, ISSUER, mintToken, ORIGIN, proofFor, serverJwks } from './spine.ts'

/** `envoy-fapi serve` as a process of its own, without Envoy, gone when the test is over. */
export interface TestService extends ServiceProcess {
  readonly directory: string
  readonly config: string
  readonly address: string
  readonly http: string
  readonly records: readonly LogRecord[]
  readonly connect: (connecting?: Connecting) => CheckClient
  /** Writes another configuration. */
  readonly edit: (document: object | string) => void
  /** Value of a metric, named with its labels as it is printed; undefined when it is not there. */
  readonly metric: (series: string) => Promise<number | undefined>
}

/** A configuration whose keys lie in a file: one route by DPoP or certificate, one that is open. */
export const serviceDocument = {
  listen: { check: '127.0.0.1:0', metrics: '127.0.0.1:0' },
  publicOrigins: [ORIGIN],
  authorizationServers: [{ name: 'as', issuer: ISSUER, keys: { file: 'jwks.json' } }],
  stores: { afterRestart: 'accept' },
  routes: [
    { name: 'health', path: '/health', methods: ['GET'], open: true },
    { name: 'accounts', path: '/accounts', scopes: ['accounts'] },
  ],
}

/** The way an editor writes a file. */
const writeInPlace = (file: string, text: string): void => writeFileSync(file, text)

/** The way a kubelet changes a mounted ConfigMap: the file is a link through `..data`, and that is what is replaced. */
export function swapLink(file: string, text: string): void {
  const directory = dirname(file)
  const version = `..${randomUUID()}`
  mkdirSync(join(directory, version))
  writeFileSync(join(directory, version, basename(file)), text)
  symlinkSync(version, join(directory, '..data_tmp'))
  renameSync(join(directory, '..data_tmp'), join(directory, '..data'))
  if (!existsSync(file)) symlinkSync(join('..data', basename(file)), file)
}

/** What `ready` says. */
type Ready = LogRecord & { readonly check?: string; readonly http?: readonly string[] }

export async function startTestService(
  document: object | string = serviceDocument,
  place = writeInPlace,
  environment: Readonly<Record<string, string>> = {},
): Promise<TestService> {
  const directory = temporaryDirectory()
  const config = join(directory, 'envoy-fapi.yaml')
  const edit = (next: object | string): void =>
    place(config, typeof next === 'string' ? next : JSON.stringify(next, undefined, 1))
  edit(document)
  writeFileSync(join(directory, 'jwks.json'), JSON.stringify(serverJwks))
  const records: LogRecord[] = []
  const service = await startServiceProcess({
    config,
    environment,
    errors: join(directory, 'errors.log'),
    follow: (record) => void records.push(record),
    spawned: (stop) => onTestFinished(stop),
  })
  const ready: Ready | undefined = records.find(({ msg }) => msg === 'ready')
  const { check: address = '', http: [http = ''] = [] } = ready ?? {}
  return {
    ...service,
    directory,
    config,
    address,
    http,
    records,
    edit,
    connect: (connecting) => {
      const client = connectCheck(address, connecting)
      onTestFinished(() => client.close())
      return client
    },
    metric: async (series) => {
      const text = await (await fetch(`http://${http}/metrics`)).text()
      const line = text.split('\n').find((one) => one.startsWith(`${series} `))
      return line === undefined ? undefined : Number(line.slice(series.length + 1))
    },
  }
}

/** A token and proof of this moment, for GET of the path. */
export function freshRequest(path = '/accounts'): CheckRequest {
  const now = Math.floor(Date.now() / 1000)
  const token = mintToken({ claims: { iat: now - 10, exp: now + 290 } })
  return goodRequest({ path, token, proof: proofFor(token, { claims: { iat: now, htu: ORIGIN + path } }) })
}
