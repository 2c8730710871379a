// Prints one hash over everything that Istio's generated configuration is made of.
import { fileURLToPath } from 'node:url'
import { hashSources } from '../../manifests.ts'

export const sources: readonly string[] = ['k8s/istio/**/*.yaml', 'tools/verify/istio/*.{yaml,go}']

if (process.argv[1] === fileURLToPath(import.meta.url)) process.stdout.write(`${hashSources(sources)}\n`)
