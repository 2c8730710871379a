// The measured process: the product as it is deployed and, beside it, the same gRPC server with nothing behind it but
// bare signature checks. Run by bench/run.ts, which asks over the IPC channel how much CPU time has been used.
import { generateKeyPairSync, sign, verify } from 'node:crypto'
import { join } from 'node:path'
import { loadConfig } from '../src/io/config-file.ts'
import { buildHealth } from '../src/io/health.ts'
import { internalErrorResponse } from '../src/response.ts'
import { startServer } from '../src/server.ts'
import { startService } from '../src/service.ts'

async function startProduct(file: string): Promise<void> {
  const loaded = loadConfig(file, {})
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  // Standard output is /dev/null here; the log line of each decision is written all the same.
  const output = { write: (line: string) => void process.stdout.write(line) }
  const service = await startService({ file, environment: {}, output }, loaded)
  if (!service.ok) throw new Error(service.problem)
}

/**
 * The least any implementation has to spend: the gRPC server, and a number of ES256 signatures verified with node:crypto
 * in the cheapest way it has. Every Check gets the same constant denial.
 */
async function startFloor(socket: string, signatures: number): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const input = Buffer.alloc(TYPICAL_PROOF, 'x')
  const signature = sign('sha256', input, privateKey)
  const server = await startServer({
    listen: { check: `unix:${socket}`, insecureCheck: false, meshTls: false, admin: '127.0.0.1:0' },
    concurrentChecks: 1000,
    check: () => {
      for (let count = 0; count < signatures; count += 1)
        if (!verify('sha256', input, publicKey, signature)) throw new Error('the signature does not verify')
      return internalErrorResponse
    },
    refuse: () => internalErrorResponse,
    fallback: internalErrorResponse,
    health: buildHealth(),
    observe: () => undefined,
  })
  if (!server.ok) throw new Error(server.problem)
}

/** Bytes a DPoP proof signs. */
const TYPICAL_PROOF = 500

const [directory = ''] = process.argv.slice(2)
await startProduct(join(directory, 'envoy-fapi.yaml'))
for (const signatures of [0, 1, 2]) await startFloor(join(directory, `floor${signatures}.sock`), signatures)
/** Any message asks for the CPU microseconds all threads of this process have used. */
const tell = (): void => {
  const { user, system } = process.cpuUsage()
  process.send?.(user + system)
}
process.on('message', tell)
process.on('disconnect', () => process.exit())
tell()
