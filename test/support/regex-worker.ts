import { parentPort } from 'node:worker_threads'

/** An expression and texts to try it on. Each text is built here: a message of many megabytes is none. */
export interface Trial {
  readonly source: string
  readonly flags: string
  readonly texts: readonly { readonly before: string; readonly round: string; readonly after: string }[]
  readonly size: number
}

parentPort?.on('message', ({ source, flags, texts, size }: Trial) => {
  for (const { before, round, after } of texts) {
    const text = before + round.repeat(Math.ceil(size / round.length)) + after
    // Only to have it looked through: what it finds does not matter here.
    new RegExp(source, flags).test(text)
  }
  parentPort?.postMessage('done')
})
