import { X509Certificate } from 'node:crypto'
import { accessSync, constants, readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import type { Config, ServerConfig } from '../config.ts'
import { redisStore } from '../config-stores.ts'
import { type Finding, finding, fine } from '../doctor/findings.ts'
import { judgeChoices, judgeMode, judgeSource, judgeValidity, needsOf } from '../doctor/outside.ts'
import { type KeySet, readKeySet } from '../verify/key-set.ts'
import { type JsonObject, own, readJsonObject } from '../verify/strict-json.ts'
import { readAssertionKey } from './assertion-key.ts'
import { readAuthorities } from './authorities.ts'
import { tryClientCertificates } from './doctor-certificates.ts'
import { tryReplayStore } from './doctor-redis.ts'
import { fetchJson } from './fetch.ts'
import type { FetchJson } from './fetch-outcome.ts'
import { describeListenError } from './http.ts'
import { buildKeySource } from './keys.ts'
import { type Outbound, readOutbound } from './outbound.ts'
import { buildTls } from './server-tls.ts'

/** How long each thing may take, milliseconds. */
const PATIENCE = 5000

/** Tries the outside world that a configuration names, all of it at once. */
export async function tryOutside(config: Config): Promise<readonly Finding[]> {
  // A file of authorities that is broken is told of among the files.
  const outbound = readOutbound(config)
  const calls = outbound.ok ? outbound.value : {}
  const tried = await Promise.all([
    tryAddresses(config),
    ...config.authorizationServers.map((server) => trySource(server, calls, config)),
    tryReplayStore(config),
    tryClientCertificates(config, calls),
  ])
  return [...tryFiles(config, Date.now()), ...tried.flat(), ...judgeChoices(config)]
}

/** Loads keys with the very code that serves, and looks over its shoulder. */
async function trySource(server: ServerConfig, outbound: Outbound, config: Config): Promise<readonly Finding[]> {
  const begun = performance.now()
  const documents: JsonObject[] = []
  let problem: string | undefined
  let skew: number | undefined
  const fetch: FetchJson = async (url, namedBy) => {
    const left = PATIENCE - (performance.now() - begun)
    const observeDate = (date: string | undefined): void => {
      const told = Date.parse(date ?? '')
      // The header was cut to whole seconds: in the middle of them lies the best guess.
      if (!Number.isNaN(told)) skew = told + 500 - Date.now()
    }
    const timeout = Math.max(1, Math.min(3000, left))
    const document = await fetchJson(url, { ...outbound, namedBy, timeout, observeDate })
    if (document.ok) documents.push(document.value)
    return document
  }
  const source = buildKeySource(server, {
    fetch,
    monotonic: () => performance.now() / 1000,
    observe: (event) => {
      if (event.kind === 'failed') problem = event.problem
    },
    schedule: () => () => undefined,
  })
  const loaded = await source.load()
  await source.close()
  const took = performance.now() - begun
  const keys = loaded ? keysOf(server, documents) : undefined
  const metadata = documents.find((document) => own(document, 'issuer') !== undefined)
  return judgeSource(server, { keys, problem, metadata, took, skew }, needsOf(config))
}

function keysOf({ keys }: ServerConfig, documents: readonly JsonObject[]): KeySet | undefined {
  const document = 'file' in keys ? readJsonObject(readFileSync(keys.file), { members: 20_000, depth: 16 }) : undefined
  const found = document?.ok ? document.value : documents.at(-1)
  const set = found && readKeySet(found)
  return set?.ok ? set.value : undefined
}

/** Listens on each address for a moment. Where somebody does already, our HTTP port tells whether it is us. */
async function tryAddresses({ listen }: Config): Promise<readonly Finding[]> {
  const entries: readonly (readonly [string, string])[] = [
    ['listen.check', listen.check],
    listen.metrics === undefined ? ['listen.admin', listen.admin] : ['listen.metrics', listen.metrics],
  ]
  const http = listen.metrics ?? listen.admin
  const served = await isOurs(http)
  return Promise.all(
    entries.map(async ([key, address]) => {
      const error = address.startsWith('unix:') ? await trySocket(address.slice(5)) : await tryListening(address)
      if (error === undefined) return fine(key, `${address} is free`)
      const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      return taken && served
        ? fine(key, `${address} is in use, and envoy-fapi answers at ${http}`)
        : finding('DR-01', key, describeListenError(error, address))
    }),
  )
}

const splitAddress = (address: string): { readonly host: string; readonly port: number } => {
  const [, v6, name = '', port] = /^(?:\[(.+)\]|(.+)):([0-9]+)$/.exec(address) ?? []
  return { host: v6 ?? name, port: Number(port) }
}

function tryListening(address: string): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  const server = createServer((socket) => socket.destroy())
  server.once('error', resolve)
  server.listen(splitAddress(address), () => server.close(() => resolve(undefined)))
  return promise
}

/** Whether a socket could be made there; whoever listens is left alone. */
function trySocket(path: string): Promise<Error | undefined> {
  const { promise, resolve } = Promise.withResolvers<Error | undefined>()
  const probe = connect(path)
  probe.setTimeout(1000, () => resolve(coded('EADDRINUSE')))
  probe.once('connect', () => resolve(coded('EADDRINUSE')))
  probe.once('error', ({ code }: NodeJS.ErrnoException) => {
    if (code !== 'ENOENT' && code !== 'ECONNREFUSED') return resolve(coded(code ?? 'unknown'))
    try {
      accessSync(dirname(path), constants.W_OK)
      resolve(undefined)
    } catch {
      resolve(coded('EACCES'))
    }
  })
  return promise.finally(() => probe.destroy())
}

const coded = (code: string): Error => Object.assign(new Error(code), { code })

/** Whether `/healthz` there answers as ours does. */
function isOurs(address: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const target = address.startsWith('unix:') ? { socketPath: address.slice(5) } : splitAddress(address)
  const call = request({ ...target, path: '/healthz', agent: false, timeout: 1000 }, (response) => {
    let text = ''
    response.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      if (text.length > 100) call.destroy()
    })
    response.on('end', () => resolve(text === '{"status":"alive"}\n'))
    response.on('close', () => resolve(false))
  })
  const timer = setTimeout(() => call.destroy(), PATIENCE)
  call.on('timeout', () => call.destroy())
  call.on('error', () => resolve(false))
  call.on('close', () => resolve(false))
  call.end()
  return promise.finally(() => clearTimeout(timer))
}

/** Files that `serve` would read: usable, valid for a while, and private keys not for everybody. */
function tryFiles({ listen: { tls }, outbound, identity, stores }: Config, now: number): readonly Finding[] {
  const redis = redisStore(stores)?.tls
  const certificates = [
    ...(tls ? [['listen.tls.certificate', tls.certificate] as const] : []),
    ...(tls?.clientCa === undefined ? [] : [['listen.tls.clientCa', tls.clientCa] as const]),
    ...(outbound.ca === undefined ? [] : [['outbound.ca', outbound.ca] as const]),
    ...(redis?.ca === undefined ? [] : [['stores.replay.tls.ca', redis.ca] as const]),
    ...(redis?.certificate === undefined ? [] : [['stores.replay.tls.certificate', redis.certificate] as const]),
  ]
  const { assertion } = identity
  const keys = [
    ...(tls ? [['listen.tls.key', tls.key] as const] : []),
    ...(assertion ? [['identity.assertion.key', assertion.key] as const] : []),
    ...(redis?.key === undefined ? [] : [['stores.replay.tls.key', redis.key] as const]),
  ]
  return [
    ...(tls ? tellUse('listen.tls', buildTls(tls)) : []),
    ...(assertion ? tellUse('identity.assertion.key', readAssertionKey(assertion.key)) : []),
    ...certificates.map(([key, file]) => tryCertificates(key, file, now)),
    ...keys.flatMap(([key, file]) => judgeMode(`${key} ${file}`, statSync(file).mode)),
  ]
}

const tellUse = (tried: string, use: { readonly ok: boolean; readonly problem?: string }): readonly Finding[] =>
  use.ok ? [fine(tried, 'can be used')] : [finding('DR-13', tried, use.problem ?? 'it cannot be used')]

function tryCertificates(key: string, file: string, now: number): Finding {
  const tried = `${key} ${file}`
  const pem = readAuthorities(file)
  if (!pem.ok) return finding('DR-13', tried, pem.problem)
  const whole = pem.value.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const validities = whole
    .map((one) => new X509Certificate(one))
    .map(({ validFromDate, validToDate }) => ({ from: validFromDate.getTime(), to: validToDate.getTime() }))
  return judgeValidity(tried, validities, now)
}
