import { readFileSync } from 'node:fs'
import { jsonSchema } from '../src/config-json-schema.ts'

type Schema = Readonly<Record<string, unknown>>

/** What the chart writes into the configuration itself. */
const WRITTEN_BY_THE_CHART = ['listen', 'replicas']

const exactly = (properties: Schema, required: readonly string[] = []): Schema => ({
  type: 'object',
  additionalProperties: false,
  properties,
  ...(required.length > 0 && { required }),
})
const text = { type: 'string', minLength: 1 }
const flag = { type: 'boolean' }
/** The name of a Kubernetes object, at most as long as every kind of object allows. */
const objectName = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$' }
/** Short enough for a volume's name with our prefix. */
const directoryName = { type: 'string', pattern: '^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$' }
const words = { type: 'object', additionalProperties: { type: 'string' } }
const quantities = {
  type: 'object',
  additionalProperties: { anyOf: [{ type: 'string', pattern: '^[0-9.]+[A-Za-z]*$' }, { type: 'number' }] },
}
/** Kubernetes itself knows what stands in these. */
const objects = { type: 'array', items: { type: 'object' } }

/**
 * `values.schema.json` of the Helm chart: values that are not in it are refused, and what stands under `config` obeys the
 * schema of the configuration file. Draft 7, because that is what every Helm 3 and 4 reads.
 */
export function chartSchemaText(): string {
  const schema = {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the envoy-fapi chart',
    ...exactly(
      {
        image: exactly({
          repository: text,
          // A version. What is latest changes by itself.
          tag: { type: 'string', pattern: '^([0-9v][A-Za-z0-9._-]*)?$' },
          digest: { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
          pullPolicy: { enum: ['IfNotPresent', 'Always', 'Never'] },
        }),
        imagePullSecrets: { type: 'array', items: exactly({ name: objectName }, ['name']) },
        replicas: { type: 'integer', minimum: 1, maximum: 1000 },
        autoscaling: exactly({
          enabled: flag,
          // The budget for disruptions leaves one, so that a single replica could never be moved.
          minReplicas: { type: 'integer', minimum: 2, maximum: 1000 },
          maxReplicas: { type: 'integer', minimum: 2, maximum: 1000 },
          targetCPUUtilizationPercentage: { type: 'integer', minimum: 1, maximum: 100 },
        }),
        check: {
          ...exactly({
            transport: { enum: ['mutualTls', 'mesh'] },
            secret: objectName,
            peers: { type: 'array', items: text },
          }),
          anyOf: [
            { type: 'object', properties: { transport: { const: 'mesh' } }, required: ['transport'] },
            {
              type: 'object',
              properties: { peers: { type: 'array', items: text, minItems: 1 } },
              required: ['secret', 'peers'],
            },
          ],
        },
        config: configSchema(),
        mounts: {
          type: 'array',
          items: {
            oneOf: [
              exactly({ name: directoryName, secret: objectName }, ['name', 'secret']),
              exactly({ name: directoryName, configMap: objectName }, ['name', 'configMap']),
            ],
          },
        },
        resources: exactly({ requests: quantities, limits: quantities }),
        nodeSelector: words,
        tolerations: objects,
        affinity: { type: 'object' },
        podLabels: words,
        podAnnotations: words,
        networkPolicy: exactly({
          enabled: flag,
          envoys: objects,
          monitoring: objects,
          authorizationServers: objects,
          redis: objects,
          redisPorts: { type: 'array', minItems: 1, items: { type: 'integer', minimum: 1, maximum: 65_535 } },
        }),
        serviceMonitor: exactly({
          enabled: flag,
          interval: { type: 'string', pattern: '^[0-9]+(ms|s|m)$' },
          labels: words,
        }),
        prometheusRule: exactly({ enabled: flag, labels: words }),
        dashboard: exactly({ enabled: flag, labels: words }),
        global: { type: 'object' },
      },
      ['config'],
    ),
  }
  return `${JSON.stringify(schema, undefined, 2)}\n`
}

/** The schema of the configuration file without what the chart writes. */
function configSchema(): Schema {
  const { $schema: _, title: __, properties: all, ...schema } = jsonSchema()
  const properties = Object.entries(all as Schema).filter(([key]) => !WRITTEN_BY_THE_CHART.includes(key))
  return withoutLookaround({ ...schema, properties: Object.fromEntries(properties) }) as Schema
}

/** Helm's regular expressions know no lookaround; a pattern that needs it is left to the service. */
function withoutLookaround(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutLookaround)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([key, one]) => !(key === 'pattern' && /\(\?[=!<]/.test(String(one))))
  return Object.fromEntries(kept.map(([key, one]) => [key, withoutLookaround(one)]))
}

/** What stands under `spec` of the PrometheusRule, for the chart, which can read no file outside its own directory. */
export function chartAlertsText(): string {
  const [, spec = ''] = readFileSync('k8s/monitoring/rules/prometheus-rule.yaml', 'utf8').split('\nspec:\n')
  return spec.replaceAll(/^ {2}/gm, '')
}

/** The dashboard, for the same reason. */
export const chartDashboardText = (): string => readFileSync('k8s/monitoring/rules/dashboard.json', 'utf8')
