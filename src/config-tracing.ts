import { z } from 'zod'
import type { Config } from './config.ts'
import { duration } from './durations.ts'
import type { Problem } from './problems.ts'

/** Where spans go. Off unless written. */
export const tracing = z.strictObject({
  otlp: z.strictObject({
    /** The collector's address for OTLP over HTTP with protobuf, with its path. */
    endpoint: z.string().min(1),
    /** For collectors that want to be shown a key. */
    headers: z
      .record(
        z.string().regex(/^[A-Za-z0-9-]{1,64}$/, { error: 'a header name of letters, digits and -' }),
        z
          .string()
          .regex(/^[\x20-\x7e]+$/, { error: 'printable ASCII' })
          .max(4096, { error: 'printable ASCII' }),
      )
      .default({}),
    timeout: duration(0.1, 10).prefault('5s'),
    /** A collector on another host without TLS. */
    insecure: z.boolean().default(false),
  }),
  /** Share of the Checks to trace that Envoy does not say anything about; where it does, it decides. */
  sample: z.number().min(0).max(1).default(0),
})

type Tracing = z.output<typeof tracing>
export type TracingConfig = Tracing

const loopback = /^(?:127(?:\.[0-9]{1,3}){3}|localhost|\[::1\])$/

/** Spans name clients, so they travel encrypted unless somebody says that the network does it. */
export function checkTracing({ tracing: settings }: Config): readonly Problem[] {
  if (!settings) return []
  const path = ['tracing', 'otlp', 'endpoint']
  const { endpoint, insecure } = settings.otlp
  const url = /^https?:\/\/[^\s#@]+$/.test(endpoint) && URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (!url)
    return [
      { path, message: `expected a URL like https://collector:4318/v1/traces, found ${JSON.stringify(endpoint)}` },
    ]
  if (url.protocol === 'https:' || insecure || loopback.test(url.hostname)) return []
  return [
    {
      path,
      message: `${url.hostname} is another host: use https://, or set tracing.otlp.insecure: true where the network itself encrypts`,
    },
  ]
}

/** The same settings as they are written, with variables in the place of header values: some are keys. */
export function withoutKeys(settings: z.input<typeof tracing> | undefined): unknown {
  if (!settings?.otlp.headers) return settings
  const headers = Object.keys(settings.otlp.headers).map((name) => [
    name,
    `\${OTLP_${name.toUpperCase().replaceAll('-', '_')}}`,
  ])
  return { ...settings, otlp: { ...settings.otlp, headers: Object.fromEntries(headers) } }
}
