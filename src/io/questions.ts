import { createInterface } from 'node:readline/promises'

/** Asks on the terminal; undefined when it is closed instead of answered. */
export async function askTerminal(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stdout })
  const closed = new Promise<undefined>((resolve) => lines.once('close', () => resolve(undefined)))
  try {
    return await Promise.race([lines.question(question), closed])
  } finally {
    lines.close()
  }
}
