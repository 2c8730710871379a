import type { Attributes } from './attributes.ts'
import { type Denial, deny } from './denial.ts'

/**
 * Headers that would make the upstream see another request than the one we judge (ENV-10), or that only Envoy may
 * write. Returns the denial, or undefined when there is nothing to say against the request.
 */
export function refuseAmbiguous({ headers }: Attributes): Denial | undefined {
  for (const name of headers.keys())
    if (OVERRIDE.test(name.replaceAll(/[^a-z0-9]/g, '-')))
      return deny('request_malformed', 'a header would change the method behind us')
  if (headers.has('x-envoy-auth-failure-mode-allowed'))
    return deny('request_malformed', 'x-envoy-auth-failure-mode-allowed is for Envoy alone')
  const named = (headers.get('connection') ?? [])
    .flatMap((line) => line.toLowerCase().split(','))
    .map((name) => name.trim())
  if (named.some((name) => name === 'authorization' || name === 'dpop' || /^x[-_.]/.test(name)))
    return deny('request_malformed', 'Connection names a header that decisions rest on')
  return undefined
}

/** In each spelling an upstream may fold into one of them. */
const OVERRIDE = /^x-(?:http-method(?:-override)?|method-override)$/
