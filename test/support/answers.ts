import { answers } from '../../src/denial.ts'
import type { Allow, CheckResponse, Deny, HeaderOption } from '../../src/wire.ts'

/** `allow`, or the reason of the denial, from what Envoy reads. */
export const verdict = (response: CheckResponse): string =>
  response.status.code === 0 ? 'allow' : (fieldOf(response, 'reason') ?? 'no reason')

/** A text Envoy's access log and filters read. */
export const fieldOf = ({ dynamicMetadata }: CheckResponse, name: string): string | undefined =>
  new Map(Object.entries(dynamicMetadata.fields)).get(name)?.stringValue

/** Every value of a header of the answer to the client. */
export const answered = (response: CheckResponse, name: string): readonly string[] =>
  linesOf('okResponse' in response ? response.okResponse.responseHeadersToAdd : response.deniedResponse.headers, name)

/** What the upstream is told under that name. */
export const told = (response: CheckResponse, name: string): readonly string[] =>
  'okResponse' in response ? linesOf(response.okResponse.headers, name) : []

/** What the upstream does not get to see. An empty list is absent once it has been over the wire. */
export function removed(response: CheckResponse): readonly string[] {
  if (!('okResponse' in response)) return []
  const { headersToRemove = [] } = response.okResponse
  return headersToRemove
}

const linesOf = (lines: readonly HeaderOption[], name: string): readonly string[] =>
  lines.filter(({ header }) => header.key === name).map(({ header }) => header.value)

/** What is wrong with an answer that Envoy is to act upon; empty when it is complete. */
export function flaws(response: CheckResponse): readonly string[] {
  const found: string[] = []
  const { fields } = response.dynamicMetadata
  const decision = response.status.code === 0 ? 'allow' : 'deny'
  if (fieldOf(response, 'decision') !== decision) found.push('metadata decision')
  for (const [key, { stringValue }] of Object.entries(fields))
    if (stringValue === '' || !stringValue.isWellFormed()) found.push(`metadata ${key}`)
  const lines =
    'okResponse' in response
      ? [...response.okResponse.headers, ...response.okResponse.responseHeadersToAdd]
      : response.deniedResponse.headers
  for (const line of lines) {
    const { header, appendAction } = line
    if (!/^[a-z][a-z0-9-]*$/.test(header.key)) found.push(`name ${header.key}`)
    if (!/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(header.value)) found.push(`value of ${header.key}`)
    if (!/^(?:OVERWRITE|APPEND)_IF_EXISTS_OR_ADD$/.test(appendAction)) found.push(`append action of ${header.key}`)
    // Neither `append` nor `raw_value`: Envoy drops or empties such a line.
    if (Object.keys(line).length !== 2 || Object.keys(header).length !== 2) found.push(`members of ${header.key}`)
  }
  if (!UUID.test(answered(response, 'x-fapi-interaction-id').join())) found.push('interaction id')
  return [
    ...found,
    ...('okResponse' in response ? allowFlaws(response) : denyFlaws(response, fieldOf(response, 'reason'))),
  ]
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** The names Envoy is told we may change (with the default identity names). */
export const CHANGEABLE =
  /^(x[-_.]authz[-_.][-_.a-z0-9]*|client[-_.]cert([-_.]chain)?|x-fapi-interaction-id|authorization|dpop)$/

function allowFlaws({ status, okResponse: { headers, headersToRemove = [] } }: Allow): readonly string[] {
  const found: string[] = []
  if (status.code !== 0) found.push('status')
  const set = headers.map(({ header }) => header.key)
  if (new Set(set).size !== set.length) found.push('a name is set twice')
  if (new Set(headersToRemove).size !== headersToRemove.length) found.push('removed twice')
  if (set.some((name) => headersToRemove.includes(name))) found.push('set and removed')
  if (![...set, ...headersToRemove].every((name) => CHANGEABLE.test(name))) found.push('a name not ours')
  return found
}

function denyFlaws({ status, deniedResponse }: Deny, reason = ''): readonly string[] {
  const found: string[] = []
  const { code } = deniedResponse.status
  if (![7, 13, 14, 16].includes(status.code)) found.push('status')
  if (code < 400 || code > 599) found.push('http status')
  const one = (name: string): string | undefined => {
    const [value, ...more] = linesOf(deniedResponse.headers, name)
    return more.length === 0 ? value : undefined
  }
  if (one('cache-control') !== 'no-store') found.push('cache-control')
  if (one('content-type') !== 'application/json') found.push('content-type')
  if (code === 401 && linesOf(deniedResponse.headers, 'www-authenticate').length === 0) found.push('no challenge')
  const nonces = linesOf(deniedResponse.headers, 'dpop-nonce')
  const { error } = JSON.parse(deniedResponse.body || '{}') as { readonly error?: unknown }
  if (nonces.length !== (error === 'use_dpop_nonce' ? 1 : 0)) found.push('dpop-nonce')
  if (code === 503 && one('retry-after') === undefined) found.push('retry-after')
  if (!Object.hasOwn(answers, reason)) found.push('reason')
  if (deniedResponse.body !== '' && typeof JSON.parse(deniedResponse.body).error !== 'string') found.push('body')
  return found
}
