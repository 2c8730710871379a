import type { Headers } from './attributes.ts'

/** The client's `x-fapi-interaction-id` when it is exactly one UUID (RFC 4122 text form, any version), else undefined. */
export function readInteractionId(headers: Headers): string | undefined {
  const lines = headers.get('x-fapi-interaction-id')
  const [line] = lines ?? []
  return lines?.length === 1 && line !== undefined && UUID.test(line) ? line : undefined
}

const UUID = /^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/
