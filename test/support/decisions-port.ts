import { onTestFinished } from 'vitest'
import type { DecisionRecord } from '../../src/check.ts'
import { buildAdmin } from '../../src/io/admin.ts'
import { serveHttp } from '../../src/io/http.ts'
import { keepDecisions, showDecisions } from '../../src/io/recent-decisions.ts'
import { buildMetrics } from '../../src/metrics.ts'
import { PROOF_TIME } from './proofs.ts'

/** The address of an admin port that has made these decisions, for whoever has the token. */
export async function decisionsPort(token: string, records: readonly DecisionRecord[]): Promise<string> {
  const recent = keepDecisions(() => PROOF_TIME)
  for (const record of records) recent.take(record)
  const options = { tokens: () => [token], host: '127.0.0.1', monotonic: () => 0, observe: () => {} }
  const admin = buildAdmin({ ...options, actions: [showDecisions(recent)] })
  const { registry } = buildMetrics()
  const contents = { registry, status: () => ({ ready: true, body: {} }), beforeScrape: () => {}, admin }
  const opened = await serveHttp({ address: '127.0.0.1:0', key: 'listen.admin' }, contents)
  if (!opened.ok) throw new Error(opened.problem)
  onTestFinished(() => opened.value.close())
  return opened.value.address
}
