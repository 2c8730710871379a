import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { z } from 'zod'
import { type Config, readConfig } from '../config.ts'
import { locateFiles } from '../config-files.ts'
import { includedSchema } from '../config-schema.ts'
import { checkEnds } from '../config-shadow.ts'
import type { Problem } from '../problems.ts'
import { isObject } from '../verify/strict-json.ts'
import { describeIssues } from '../zod-problems.ts'
import { judgeDirectory, judgeFile } from './directories.ts'
import { type Interpolation, interpolate } from './interpolation.ts'
import { holds, type Place, readYaml, type YamlFile } from './yaml-file.ts'
import { spellPath } from './yaml-structure.ts'

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
      /** What `include` names now: a file that is added later takes part as well. */
      readonly included: () => readonly string[]
      /** Where a part of the document is written; the nearest thing above it when it is not. */
      readonly placeOf: (path: Problem['path']) => Place & { readonly written: boolean }
    }
  | { readonly ok: false; readonly problems: readonly PlacedProblem[]; readonly files: readonly string[] }

/** What else may be wrong with a configuration that can be read. */
export type Judge = (config: Config) => readonly Problem[]

/** What takes the place of the machine that a configuration is for, where it is only tried. */
export interface StandIns {
  /** What `${file:…}` finds, by absolute path. */
  readonly contents: ReadonlyMap<string, string>
}

/**
 * Reads a configuration file, everything it includes and names, and lists every problem with file, line and column. With
 * stand-ins nobody looks whether the keys and certificates it names are there: nothing will ask for them.
 */
export function loadConfig(
  file: string,
  environment: NodeJS.ProcessEnv,
  judge: Judge = () => [],
  standIns?: StandIns,
): LoadedConfig {
  const reading = new Reading(resolve(file), environment, standIns)
  return reading.load(judge)
}

/** Absolute paths of the files a pattern of `include` names, sorted. */
const expandPattern = (pattern: string, directory: string): readonly string[] =>
  globSync(pattern, { cwd: directory })
    .sort()
    .map((name) => resolve(directory, name))

/** Nobody reads more; finding the place of each costs time. */
const MAX_PROBLEMS = 500

/** A file with its references replaced. */
type ConfigFile = YamlFile & Pick<Interpolation, 'written'>

/** One reading: which files took part, where each route and pipeline came from, what went wrong. */
class Reading {
  readonly #file: string
  readonly #environment: NodeJS.ProcessEnv
  readonly #standIns: StandIns | undefined
  readonly #files = new Map<string, string>()
  readonly #problems: PlacedProblem[] = []
  readonly #patterns: string[] = []
  /** For each route of the merged document: its file and its index there. */
  readonly #routes: { readonly file: ConfigFile; readonly index: number }[] = []
  /** For each pipeline of an included file: that file. */
  readonly #pipelines = new Map<string, ConfigFile>()
  /** Values from outside the files, which messages do not show, with the references they came from. */
  readonly #references = new Map<string, string>()

  constructor(file: string, environment: NodeJS.ProcessEnv, standIns: StandIns | undefined) {
    this.#file = file
    this.#environment = environment
    this.#standIns = standIns
  }

  load(judge: Judge): LoadedConfig {
    const main = this.#open(this.#file)
    if (!main) return this.#refuse()
    const whole = this.#problems.length
    const document = this.#merge(main)
    // What is missing because a file could not be included would be reported as missing here.
    if (this.#problems.length > whole) return this.#refuse()
    const read = readConfig(document)
    const draft = read.ok ? read.config : read.draft
    if (!read.ok) for (const problem of read.problems) this.#report(main, problem)
    const config = draft && this.#locate(draft, main)
    for (const problem of config ? [...checkEnds(config, Date.now() / 1000), ...judge(config)] : [])
      this.#report(main, problem)
    if (!config || this.#problems.length > 0) return this.#refuse()
    const hash = createHash('sha256').update(JSON.stringify(document))
    for (const [path, content] of this.#files) hash.update(path).update('\0').update(content).update('\0')
    const patterns = [...this.#patterns]
    const included = (): readonly string[] => patterns.flatMap((pattern) => expandPattern(pattern, dirname(main.path)))
    const placeOf = (path: Problem['path']): Place & { readonly written: boolean } => {
      const { file, own } = this.#origin(main, path)
      return { ...file.placeOf(own), written: holds(file.value, own) }
    }
    return { ok: true, config, hash: hash.digest('hex'), files: [...this.#files.keys()], included, placeOf }
  }

  #open(path: string): ConfigFile | undefined {
    const read = readYaml(path)
    // Remembered even when it cannot be read: it is watched, so its mending is noticed.
    this.#files.set(path, read.text)
    this.#problems.push(...read.problems)
    if (!read.file) return undefined
    const { value, problems, written, references, files } = interpolate(
      read.file.value,
      this.#environment,
      dirname(path),
      this.#standIns?.contents,
    )
    for (const [name, content] of files) this.#files.set(name, content)
    for (const [secret, reference] of references) this.#references.set(secret, reference)
    const file = { ...read.file, value, written }
    for (const problem of problems) this.#report(file, problem)
    return file
  }

  /** Adds what `include` names: teams own their routes and pipelines, and nothing else. */
  #merge(main: ConfigFile): unknown {
    const document = main.value
    if (!isObject(document)) return document
    const { include: patterns, routes: own = [], pipelines = {} } = document as Record<string, unknown>
    if (!Array.isArray(own) || !isObject(pipelines)) return document
    const merged = { ...document, routes: [...own] as unknown[], pipelines: { ...pipelines } }
    for (const index of own.keys()) this.#routes.push({ file: main, index })
    if (!Array.isArray(patterns)) return document
    const included = new Set<string>()
    for (const [index, pattern] of patterns.entries()) {
      if (typeof pattern !== 'string') continue
      this.#patterns.push(pattern)
      const found = expandPattern(pattern, dirname(main.path))
      if (found.length === 0 && !/[*?[{]/.test(pattern))
        this.#report(main, { path: ['include', index], message: `there is no file ${pattern}` })
      for (const path of found) included.add(path)
    }
    for (const path of included) this.#include(path, merged)
    return merged
  }

  #include(path: string, merged: { readonly routes: unknown[]; readonly pipelines: Record<string, unknown> }): void {
    const file = this.#open(path)
    if (!file) return
    const content = file.value ?? {}
    const parsed: z.ZodSafeParseResult<unknown> = includedSchema.safeParse(content)
    if (!parsed.success) {
      for (const { path: at, message } of describeIssues(parsed.error.issues, content))
        this.#report(file, {
          path: at,
          message:
            at.length === 1 && !/^(?:routes|pipelines)$/.test(String(at[0]))
              ? 'an included file holds routes and pipelines, nothing else'
              : message,
        })
      return
    }
    const { pipelines = {}, routes = [] } = content as { pipelines?: object; routes?: unknown[] }
    for (const [index, route] of routes.entries()) {
      merged.routes.push(route)
      this.#routes.push({ file, index })
    }
    for (const [name, pipeline] of Object.entries(pipelines)) {
      if (Object.hasOwn(merged.pipelines, name))
        this.#report(file, { path: ['pipelines', name], message: `the pipeline "${name}" exists already` })
      merged.pipelines[name] = pipeline
      this.#pipelines.set(name, file)
    }
  }

  /** Makes file options absolute and looks whether they can be read, so that a typing error shows at once. */
  #locate(config: Config, main: ConfigFile): Config {
    const locate = (path: readonly (string | number)[], name: string): string => {
      const absolute = resolve(dirname(main.path), name)
      if (this.#standIns) return absolute
      // Remembered even when it is not there: it is watched, so its coming is noticed.
      this.#files.set(absolute, '')
      const problem = judgeFile(absolute)
      if (problem === undefined) this.#files.set(absolute, readFileSync(absolute, 'latin1'))
      else this.#report(main, { path, message: `${absolute}: ${problem}` })
      return absolute
    }
    const unread = (path: readonly (string | number)[], name: string): string => {
      const absolute = resolve(dirname(main.path), name)
      const problem = this.#standIns ? undefined : judgeFile(absolute)
      if (problem !== undefined) this.#report(main, { path, message: `${absolute}: ${problem}` })
      return absolute
    }
    // What is in a directory is no part of the configuration.
    const locateDirectory = (path: readonly (string | number)[], name: string): string => {
      const absolute = resolve(dirname(main.path), name)
      const problem = judgeDirectory(absolute)
      if (problem !== undefined) this.#report(main, { path, message: `${absolute}: ${problem}` })
      return absolute
    }
    const place = (name: string): string => resolve(dirname(main.path), name)
    return locateFiles(config, { file: locate, unread, directory: locateDirectory, place })
  }

  #report(main: ConfigFile, { path, message }: Problem): void {
    if (this.#problems.length >= MAX_PROBLEMS) return
    const { file, own } = this.#origin(main, path)
    const written = file.written.get(JSON.stringify(own))
    const key = spellPath(own)
    // What an unresolved reference leaves empty has been reported already.
    if (written !== undefined && this.#problems.some((one) => one.key === key && one.file === file.path)) return
    const shown = written === undefined ? message : message.replace(/found .*$/s, `found ${written}`)
    this.#problems.push({ ...file.placeOf(own), key, message: this.#mask(shown) })
  }

  /** Where a part of the merged document is written. */
  #origin(main: ConfigFile, path: Problem['path']): { readonly file: ConfigFile; readonly own: Problem['path'] } {
    if (main.path !== this.#file) return { file: main, own: path }
    const [section, key] = path
    const route = section === 'routes' && typeof key === 'number' ? this.#routes[key] : undefined
    if (route) return { file: route.file, own: ['routes', route.index, ...path.slice(2)] }
    return { file: (section === 'pipelines' && this.#pipelines.get(String(key))) || main, own: path }
  }

  /** Puts the reference in the place of each value that came from outside; a short one cannot be a secret. */
  #mask(message: string): string {
    let text = message
    for (const [value, reference] of this.#references)
      if (value.length >= 8)
        text = text.replace(new RegExp(value.replaceAll(/[^A-Za-z0-9]/g, '\\$&'), 'gi'), () => reference)
    return text
  }

  #refuse(): LoadedConfig {
    return { ok: false, problems: this.#problems, files: [...this.#files.keys()] }
  }
}
