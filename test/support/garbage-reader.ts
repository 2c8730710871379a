// A process of its own whose memory can be looked at: reads keys from an honest place, then from bad ones.
import { fetchJson } from '../../src/io/fetch.ts'
import { buildKeySource } from '../../src/io/keys.ts'
import { serverWith } from './key-sources.ts'

/** Where to read, which authority to trust, how often. */
export interface Reading {
  readonly honest: string
  readonly bad: readonly string[]
  readonly ca: string
  readonly rounds: number
}

/** What came of it, and by how many bytes the most memory there ever was grew when the bad ones were read. */
export interface Report {
  readonly loaded: number
  readonly failed: number
  readonly growth: number
}

process.once('message', (reading: Reading) => void readAll(reading))

async function readAll({ honest, bad, ca, rounds }: Reading): Promise<void> {
  const outcome = { loaded: 0, failed: 0 }
  const load = async (uri: string): Promise<void> => {
    const source = buildKeySource(serverWith({ uri }), {
      fetch: (url) => fetchJson(url, { ca: [ca], timeout: 500 }),
      monotonic: () => performance.now() / 1000,
      observe: ({ kind }) => {
        if (kind === 'loaded' || kind === 'failed') outcome[kind] += 1
      },
      schedule: () => () => undefined,
    })
    await source.load()
  }
  const peak = (): number => process.resourceUsage().maxRSS * 1024
  for (let round = 0; round < rounds; round += 1) await load(honest)
  const before = peak()
  for (let round = 0; round < rounds; round += 1) for (const uri of bad) await load(uri)
  process.send?.({ ...outcome, growth: peak() - before })
  process.disconnect()
}
