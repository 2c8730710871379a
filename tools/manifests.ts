// `sources` prints what the rendered manifests were made of; `same DIRECTORY DIRECTORY` says which of them differ, and
// exits 1 when any does. How a renderer lays out its YAML does not count. `pods FILE…` prints a pod for each Deployment and StatefulSet.
import { createHash } from 'node:crypto'
import { globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { parseAllDocuments } from 'yaml'

const root = fileURLToPath(new URL('..', import.meta.url))

const rendered = 'k8s/{base,components,helm,monitoring,overlays}/**/*.{yaml,tpl,json,conf}'

/** One hash over every file that has a part in what is made of k8s/. A schema only refuses, and policy tests only try. */
export function hashSources(patterns: string | readonly string[] = rendered): string {
  const hash = createHash('sha256')
  const names = globSync(patterns, { cwd: root }).map((name) => relative(root, join(root, name)))
  for (const name of names.sort())
    if (!/values\.schema\.json$|-tests\.yaml$/.test(name))
      hash
        .update(name)
        .update('\0')
        .update(readFileSync(join(root, name)))
        .update('\0')
  return hash.digest('hex')
}

/** Every document of a YAML text as Kubernetes reads it (YAML 1.1), without the empty ones. Throws at the first error. */
export const readManifests = (text: string): readonly unknown[] =>
  parseAllDocuments(text, { version: '1.1' }).flatMap((document) => {
    const [error] = document.errors
    if (error) throw error
    const value: unknown = document.toJS()
    return value === null ? [] : [value]
  })

const contents = (directory: string): ReadonlyMap<string, readonly unknown[]> =>
  new Map(
    globSync('*.yaml', { cwd: directory }).map((name) => [
      name,
      readManifests(readFileSync(join(directory, name), 'utf8')).toSorted(byName),
    ]),
  )
const nameOf = (value: unknown): string => {
  const { kind, metadata } = value as { readonly kind: string; readonly metadata: { readonly name: string } }
  return `${kind}/${metadata.name}`
}
const byName = (one: unknown, other: unknown): number => nameOf(one).localeCompare(nameOf(other))

interface Workload {
  readonly kind: string
  readonly metadata: { readonly namespace?: string }
  readonly spec: { readonly template: { readonly metadata: object; readonly spec: object } }
}

/** The pods that workloads would start, a line each, in a list for kubectl. */
function podsOf(files: readonly string[]): string {
  const objects = files.flatMap((file) => readManifests(readFileSync(file, 'utf8'))) as readonly Workload[]
  const pods = objects
    .filter(({ kind }) => kind === 'Deployment' || kind === 'StatefulSet')
    .map(({ metadata: { namespace }, spec: { template } }, index) => {
      const metadata = { ...template.metadata, name: `pod-${index}`, namespace }
      return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec })
    })
  return `{"apiVersion":"v1","kind":"List","items":[\n${pods.join(',\n')}\n]}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , command, one, other] = process.argv
  if (command === 'sources') process.stdout.write(`${hashSources()}\n`)
  else if (command === 'pods') process.stdout.write(`${podsOf(process.argv.slice(3))}\n`)
  else if (command === 'same' && one !== undefined && other !== undefined) {
    const [made, kept] = [contents(one), contents(other)]
    for (const name of new Set([...made.keys(), ...kept.keys()]))
      if (!isDeepStrictEqual(made.get(name), kept.get(name))) {
        process.stderr.write(`${name} differs; run: make render-deploy\n`)
        process.exitCode = 1
      }
  } else {
    process.stderr.write('usage: node tools/manifests.ts sources | same DIRECTORY DIRECTORY | pods FILE…\n')
    process.exitCode = 2
  }
}
