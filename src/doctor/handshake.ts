import { type Finding, finding, fine } from './findings.ts'
import type { Needs } from './outside.ts'

/** What a TLS handshake showed. */
export interface Handshake {
  readonly connected: boolean
  readonly reused: boolean
  readonly certificateAsked: boolean
}

/** An ordinary handshake, another one with its session, and one that offers nothing newer than TLS 1.1. */
interface Handshakes {
  readonly fresh: Handshake
  /** Absent when the server gave no session. */
  readonly again: Handshake | undefined
  readonly old: Handshake
}

export function judgeHandshakes({ fresh, again, old }: Handshakes, needs: Needs): readonly Finding[] {
  if (!fresh.connected) return [finding('DT-01', 'TLS', 'no handshake')]
  return [
    old.connected ? finding('DT-10', 'TLS before 1.2', 'accepted') : fine('TLS before 1.2', 'refused'),
    again?.reused ? finding('DT-11', 'a TLS session again', 'resumed') : fine('a TLS session again', 'not resumed'),
    ...(needs.mtls
      ? [
          fresh.certificateAsked
            ? fine('client certificate', 'asked for')
            : finding('DT-12', 'client certificate', 'not asked for'),
        ]
      : []),
  ]
}
