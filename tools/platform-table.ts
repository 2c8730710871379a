import { capabilities } from '../src/platform.ts'

/** The table of docs/envoy-gateway.md, from what the command refuses. */
export function platformTable(): string {
  const rows = capabilities.map(
    ({ what, plain, patched, refuse }) => `| ${what} | ${plain} | ${patched} | ${refuse ? 'refuses' : '–'} |`,
  )
  const head = '| what | Envoy Gateway alone | with `k8s/envoy-gateway/patched` | `config check --platform` |'
  return [head, '|---|---|---|---|', ...rows].join('\n')
}
