import type { Redis } from 'ioredis'

/** Listens to Sentinels. */
export interface SentinelWatch {
  readonly close: () => void
}

const CHANNEL = '+switch-master'

/**
 * Tells when a Sentinel has made another server the primary of that name: the old one may still answer, and must not be
 * asked any more. The client library can do this too, but prints its errors where only log lines belong, and does not
 * come back to a Sentinel that was gone.
 */
export function watchSentinels(sentinels: readonly Redis[], master: string, moved: () => void): SentinelWatch {
  for (const sentinel of sentinels) {
    // That a Sentinel is gone is no trouble while another one knows the primary.
    sentinel.on('error', () => undefined)
    sentinel.on('ready', () => void sentinel.subscribe(CHANNEL).catch(() => undefined))
    sentinel.on('message', (channel, message) => {
      if (channel === CHANNEL && message.startsWith(`${master} `)) moved()
    })
    sentinel.connect().catch(() => undefined)
  }
  return {
    close: () => {
      for (const sentinel of sentinels) sentinel.disconnect()
    },
  }
}
