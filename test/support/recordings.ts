import { readFileSync } from 'node:fs'
import { loadProtos } from '../../src/io/protos.ts'
import type { CheckRequest, CheckResponse } from '../../src/wire.ts'

const { Check } = loadProtos().authorization

const readJson = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/envoy-1.40/${name}`, import.meta.url), 'utf8'))

/** A CheckRequest Envoy 1.40 sent, read from its bytes. */
export function recordedCheck(name: string): CheckRequest {
  const { check_request_wire_base64: wire } = readJson(`check-${name}.json`) as { check_request_wire_base64: string }
  return Check.requestDeserialize(Buffer.from(wire, 'base64'))
}

/** What Envoy 1.40 did with an answer. */
export interface RecordedAnswer {
  readonly scenario: string
  readonly envoy: Readonly<Record<string, unknown>>
  readonly check_response: Readonly<Record<string, unknown>> | null
  readonly client_sees: { readonly status: string; readonly headers: readonly string[] }
  readonly upstream_sees: { readonly headers: readonly string[] } | null
}

export const recordedAnswers = (): readonly RecordedAnswer[] =>
  (readJson('responses.json') as { readonly cases: readonly RecordedAnswer[] }).cases

/** A request as the server gets it: through the real messages and back. */
export const received = (request: CheckRequest): CheckRequest =>
  Check.requestDeserialize(Check.requestSerialize(request))

/** An answer as Envoy gets it. */
export const overTheWire = (response: CheckResponse): CheckResponse =>
  Check.responseDeserialize(Check.responseSerialize(response))

export const wireBytes = (response: CheckResponse): Buffer => Check.responseSerialize(response)
