import { createHash } from 'node:crypto'
import { globSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { z } from 'zod'
import { type Config, readConfig } from '../config.ts'
import { includedSchema } from '../config-schema.ts'
import type { Problem } from '../problems.ts'
import { describeIssues } from '../zod-problems.ts'
import { type Interpolation, interpolate } from './interpolation.ts'
import { type Place, readYaml, type YamlFile } from './yaml-file.ts'

/** A problem with the place it stands at. */
export interface PlacedProblem extends Place {
  readonly key: string
  readonly message: string
}

export type LoadedConfig =
  | {
      readonly ok: true
      readonly config: Config
      /** SHA-256 over everything that was read, hex. */
      readonly hash: string
      readonly files: readonly string[]
    }
  | { readonly ok: false; readonly problems: readonly PlacedProblem[]; readonly files: readonly string[] }

/** Reads a configuration file, everything it includes and names, and lists every problem with file, line and column. */
export function loadConfig(file: string, environment: NodeJS.ProcessEnv): LoadedConfig {
  const reading = new Reading(resolve(file), environment)
  return reading.load()
}

/** One reading: which files took part, where each route came from, what went wrong. */
class Reading {
  readonly #file: string
  readonly #environment: NodeJS.ProcessEnv
  readonly #files = new Map<string, string>()
  readonly #problems: PlacedProblem[] = []
  /** For each route of the merged document: its file and its index there. */
  readonly #routes: { readonly file: YamlFile; readonly index: number }[] = []

  constructor(file: string, environment: NodeJS.ProcessEnv) {
    this.#file = file
    this.#environment = environment
  }

  load(): LoadedConfig {
    const main = this.#open(this.#file)
    if (!main) return this.#refuse()
    const document = this.#merge(main)
    if (this.#problems.length > 0) return this.#refuse()
    const read = readConfig(document)
    if (!read.ok) {
      for (const problem of read.problems) this.#report(main, problem)
      return this.#refuse()
    }
    const config = this.#locate(read.config, main)
    if (this.#problems.length > 0) return this.#refuse()
    const hash = createHash('sha256')
    for (const [path, content] of this.#files) hash.update(path).update('\0').update(content).update('\0')
    return { ok: true, config, hash: hash.digest('hex'), files: [...this.#files.keys()] }
  }

  #open(path: string): YamlFile | undefined {
    const read = readYaml(path)
    // Remembered even when it cannot be read: it is watched, so its mending is noticed.
    this.#files.set(path, read.text)
    this.#problems.push(...read.problems)
    if (!read.file) return undefined
    const { value, problems, hidden, files } = interpolate(read.file.value, this.#environment)
    for (const [name, content] of files) this.#files.set(name, content)
    const file = { ...read.file, value, hidden }
    for (const problem of problems) this.#report(file, problem)
    return file
  }

  /** Adds what `include` names: teams own their routes and pipelines, and nothing else. */
  #merge(main: YamlFile): unknown {
    const document = main.value
    if (typeof document !== 'object' || document === null || Array.isArray(document)) return document
    const merged: Record<string, unknown> = { ...document }
    const own: unknown = merged.routes
    const routes: unknown[] = Array.isArray(own) ? [...own] : []
    for (const index of routes.keys()) this.#routes.push({ file: main, index })
    const patterns: unknown = merged.include
    if (!Array.isArray(patterns)) return document
    for (const [index, pattern] of patterns.entries()) {
      const found = typeof pattern === 'string' ? globSync(pattern, { cwd: dirname(main.path) }).sort() : []
      if (found.length === 0 && typeof pattern === 'string' && !/[*?[{]/.test(pattern))
        this.#report(main, { path: ['include', index], message: `there is no file ${pattern}` })
      for (const name of found) this.#include(join(dirname(main.path), name), merged, routes)
    }
    merged.routes = routes
    return merged
  }

  #include(path: string, merged: Record<string, unknown>, routes: unknown[]): void {
    const file = this.#open(path)
    if (!file) return
    const parsed: z.ZodSafeParseResult<unknown> = includedSchema.safeParse(file.value ?? {})
    if (!parsed.success) {
      for (const problem of describeIssues(parsed.error.issues, file.value)) this.#report(file, problem)
      return
    }
    const { pipelines, routes: added } = (file.value ?? {}) as { pipelines?: object; routes?: unknown[] }
    for (const [index, route] of (added ?? []).entries()) {
      routes.push(route)
      this.#routes.push({ file, index })
    }
    const known = (merged.pipelines ?? {}) as object
    for (const name of Object.keys(pipelines ?? {}))
      if (Object.hasOwn(known, name))
        this.#report(file, { path: ['pipelines', name], message: `the pipeline "${name}" exists already` })
    merged.pipelines = { ...known, ...pipelines }
  }

  /** Makes file options absolute and looks whether they can be read, so that a typing error shows at once. */
  #locate(config: Config, main: YamlFile): Config {
    const locate = (path: readonly (string | number)[], name: string): string => {
      const absolute = resolve(dirname(main.path), name)
      try {
        if (!statSync(absolute).isFile()) throw new Error('it is not a file')
        this.#files.set(absolute, readFileSync(absolute, 'latin1'))
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code
        const why =
          code === 'ENOENT' ? 'there is no such file' : code === 'EACCES' ? 'it may not be read' : 'it cannot be read'
        this.#report(main, { path, message: `${absolute}: ${why}` })
      }
      return absolute
    }
    const { tls } = config.listen
    const at = ['listen', 'tls']
    return {
      ...config,
      listen: {
        ...config.listen,
        ...(tls && {
          tls: {
            ...tls,
            certificate: locate([...at, 'certificate'], tls.certificate),
            key: locate([...at, 'key'], tls.key),
            clientCa: tls.clientCa && locate([...at, 'clientCa'], tls.clientCa),
          },
        }),
      },
      outbound: { ca: config.outbound.ca && locate(['outbound', 'ca'], config.outbound.ca) },
      authorizationServers: config.authorizationServers.map((server, index) =>
        'file' in server.keys
          ? { ...server, keys: { file: locate(['authorizationServers', index, 'keys', 'file'], server.keys.file) } }
          : server,
      ),
    }
  }

  #report(main: YamlFile & Partial<Pick<Interpolation, 'hidden'>>, { path, message }: Problem): void {
    const route = path[0] === 'routes' && typeof path[1] === 'number' ? this.#routes[path[1]] : undefined
    const merged = route !== undefined && main.path === this.#file
    const file = merged ? route.file : main
    const own = merged ? ['routes', route.index, ...path.slice(2)] : path
    const secret = file.hidden?.has(JSON.stringify(own)) === true
    const text = secret ? message.replace(/found .*$/, 'found ***') : message
    this.#problems.push({ ...file.placeOf(own), key: spellPath(own), message: text })
  }

  #refuse(): LoadedConfig {
    return { ok: false, problems: this.#problems, files: [...this.#files.keys()] }
  }
}

/** `routes[2].scopes` */
const spellPath = (path: readonly (string | number)[]): string =>
  path.map((key, index) => (typeof key === 'number' ? `[${key}]` : index === 0 ? key : `.${key}`)).join('')
