import { setTimeout } from 'node:timers/promises'

/** Sends so many per second; what is late is sent at once. */
export async function pace(
  messages: readonly Buffer[],
  rate: number,
  work: (message: Buffer) => Promise<void>,
): Promise<void> {
  const started = performance.now()
  const underWay: Promise<void>[] = []
  for (const [index, message] of messages.entries()) {
    const early = started + (index * 1000) / rate - performance.now()
    if (early > 0) await setTimeout(early)
    underWay.push(work(message))
  }
  await Promise.all(underWay)
}
