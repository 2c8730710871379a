import type { RouteKind } from './admission.ts'
import type { ParsedConfig, ParsedRoute } from './config-schema.ts'
import { type PolicyName, policies, standardOrder } from './policies/registry.ts'
import { nearest, type Problem } from './problems.ts'
import { isObject, type JsonObject, own } from './verify/strict-json.ts'
import { describeIssues } from './zod-problems.ts'

type Path = Problem['path']

/** One policy of a route with its options, defaults included. */
export interface PolicyEntry {
  readonly name: PolicyName
  readonly options: unknown
  /** Where it is written: on the route, else in the pipeline; where it would be when it is there by default. */
  readonly at: Path
  /** Where the pipeline has it, when the route adds options of its own. */
  readonly under?: Path
}

/** The policy of that name among those of a route. */
export const entryOf = (
  { policies: entries }: { readonly policies: readonly PolicyEntry[] },
  wanted: PolicyName,
): PolicyEntry | undefined => entries.find(({ name }) => name === wanted)

/** A document that the schema has accepted, before and after defaults, and the list its problems go to. */
export interface Reading {
  readonly all: ParsedConfig
  readonly raw: JsonObject
  readonly problems: Problem[]
}

/** What runs when no pipeline is named. */
const builtIn = (kind: RouteKind): readonly PolicyName[] =>
  kind === 'bearer' ? ['accessToken'] : ['accessToken', 'senderConstraint']

/** An open route may set headers; whatever else it asks for would not be looked at. */
export function openPolicies(route: ParsedRoute, at: Path, { problems }: Reading): readonly PolicyEntry[] {
  const written = standardOrder.filter((name) => name !== 'fapiHeaders' && route[name] !== undefined)
  for (const name of route.pipeline === undefined ? written : (['pipeline', ...written] as const))
    problems.push({ path: [...at, name], message: `an open route checks nothing, so ${name} cannot stand on it` })
  return route.fapiHeaders === undefined
    ? []
    : [{ name: 'fapiHeaders', options: route.fapiHeaders, at: [...at, 'fapiHeaders'] }]
}

/** The named pipeline with the policy keys of the route merged in, in standard order. */
export function readPolicies(route: ParsedRoute, at: Path, kind: RouteKind, reading: Reading): readonly PolicyEntry[] {
  const { all, raw, problems } = reading
  const name = route.pipeline ?? all.defaults.pipeline
  const standard: readonly PolicyEntry[] = builtIn(kind).map((policy) => ({
    name: policy,
    options: {},
    at: [...at, policy],
  }))
  const base = name === undefined ? standard : readPipeline(name, reading)
  if (!base) {
    const near = nearest(name ?? '', Object.keys(all.pipelines))
    const hint = near === undefined ? '' : `; did you mean "${near}"?`
    problems.push({
      path: route.pipeline === undefined ? ['defaults', 'pipeline'] : [...at, 'pipeline'],
      message: `there is no pipeline named "${name}"${hint}`,
    })
    return standard
  }
  const written = (own(raw, 'routes') as readonly JsonObject[])[Number(at[1])] ?? {}
  const added = standardOrder
    .filter((policy) => Object.hasOwn(written, policy))
    .map((policy) => ({ name: policy, options: own(written, policy), at: [...at, policy] }))
  return added.reduce(join, base).flatMap((entry) => parse(entry, problems) ?? [])
}

/** The entries of a pipeline as they are written; undefined when there is no such pipeline. */
function readPipeline(name: string, { all, raw, problems }: Reading): readonly PolicyEntry[] | undefined {
  if (!Object.hasOwn(all.pipelines, name)) return undefined
  const entries: PolicyEntry[] = []
  const written = own(own(raw, 'pipelines') as JsonObject, name)
  const [place, items] = Array.isArray(written)
    ? [['pipelines', name], written]
    : [['pipelines', name, 'policies'], (written as { readonly policies: readonly unknown[] }).policies]
  for (const [index, item] of items.entries()) {
    const at = [...place, index]
    // The schema has accepted the document, so an item is a policy name or an object with one.
    const [policy, options] = typeof item === 'string' ? [item, {}] : (Object.entries(item as object)[0] ?? ['', {}])
    const entry = { name: policy as PolicyName, options, at: typeof item === 'string' ? at : [...at, policy] }
    if (entries.some((other) => other.name === policy))
      problems.push({ path: at, message: `${policy} stands twice in this pipeline; only one would be looked at` })
    else entries.push(entry)
  }
  return entries
}

/** Lays a policy of the route over the pipeline's, or puts it in front of the first that comes later in the order. */
function join(entries: readonly PolicyEntry[], added: PolicyEntry): readonly PolicyEntry[] {
  const { name, options, at } = added
  if (entries.some((entry) => entry.name === name))
    return entries.map((entry) =>
      entry.name === name
        ? {
            name,
            at,
            ...(entry.at[0] === 'pipelines' && { under: entry.at }),
            options: merge(asMap(entry.options), asMap(options)),
          }
        : entry,
    )
  const later = entries.findIndex((entry) => standardOrder.indexOf(entry.name) > standardOrder.indexOf(name))
  return entries.toSpliced(later < 0 ? entries.length : later, 0, added)
}

/** A list of scopes is short for `all`; spelled out, it does not lose its place to a map of the route. */
const asMap = (options: unknown): unknown => (Array.isArray(options) ? { all: options } : options)

/** The route's options over the pipeline's: maps member by member, anything else as a whole. */
function merge(base: unknown, over: unknown): unknown {
  if (!isObject(base) || !isObject(over)) return over ?? base
  const members = new Set([...Object.keys(base), ...Object.keys(over)])
  return Object.fromEntries([...members].map((name) => [name, merge(own(base, name), own(over, name))]))
}

/** Options that are fine on the pipeline and fine on the route can still contradict each other. */
function parse(entry: PolicyEntry, problems: Problem[]): PolicyEntry | undefined {
  const { name, options, at } = entry
  const parsed = policies[name].options.safeParse(options)
  if (parsed.success) return { ...entry, options: parsed.data }
  for (const { path, message } of describeIssues(parsed.error.issues, options))
    problems.push({ path: [...at, ...path], message })
  // Where there are no defaults nothing more is said of it; the configuration is refused anyway.
  const standard = policies[name].options.safeParse({})
  return standard.success ? { name, options: standard.data, at } : undefined
}
