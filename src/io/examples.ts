import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * The examples that come with the package, in `envoy/` and `k8s/` beside `src/`, or beside `dist/` when compiled.
 * Undefined where they were left out, as in an image.
 */
export function packageExamples(here: string = import.meta.url) {
  const folder = ['../..', '../../..']
    .map((base) => fileURLToPath(new URL(base, here)))
    .find((one) => existsSync(`${one}/envoy/envoy-fapi.yaml`))
  if (folder === undefined) return undefined
  return {
    read: (path: string): string => readFileSync(`${folder}/${path}`, 'utf8'),
    list: (path: string): readonly string[] =>
      readdirSync(`${folder}/${path}`)
        .filter((name) => name.endsWith('.yaml'))
        .sort()
        .map((name) => `${path}/${name}`),
  }
}
