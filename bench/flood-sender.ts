// Sends strange tokens to a service until it is told to stop, from a process of its own: a client that is busy with a
// flood could not tell how long its honest requests wait. Run by bench/flood.ts.
import { randomUUID } from 'node:crypto'
import { mintToken } from '../test/support/spine.ts'
import { pace } from './pace.ts'
import { connectTo, send } from './process.ts'
import { buildMint } from './requests.ts'

const [address = '', strangeness = '', rate = '', seconds = ''] = process.argv.slice(2)
const mint = await buildMint()
const client = connectTo(address)

const messages = Array.from({ length: Number(rate) * Number(seconds) }, () => {
  const kid = strangeness === 'key' ? randomUUID() : 'as-1'
  const [header, payload] = mintToken({ header: { kid } }).split('.')
  return mint.withToken(`${header}.${payload}.${'A'.repeat(86)}`)
})
process.send?.('ready')
process.once('message', () => {
  void pace(messages, Number(rate), async (message) => {
    const reason = await send(client, message)
    if (reason === 'allowed') throw new Error('a strange token was allowed')
  }).then(() => process.exit(0))
})
