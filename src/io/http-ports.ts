import type { Config } from '../config.ts'
import { type Reading, read } from '../verify/reading.ts'
import { type AdminOptions, buildAdmin } from './admin.ts'
import { type HttpContents, type HttpPort, serveHttp } from './http.ts'

/** What is for operators stands on its own port as soon as there is another one for everybody else. */
export async function openHttp(
  listen: Config['listen'],
  contents: HttpContents,
  admin: Omit<AdminOptions, 'host'>,
): Promise<Reading<readonly HttpPort[]>> {
  const operators = { ...contents, admin: buildAdmin({ ...admin, host: listen.admin.replace(/:[0-9]+$/, '') }) }
  const ports = [
    ...(listen.metrics === undefined ? [] : [{ address: listen.metrics, key: 'listen.metrics', contents }]),
    ...(listen.metrics === undefined || listen.adminAccess
      ? [{ address: listen.admin, key: 'listen.admin', contents: operators }]
      : []),
  ]
  const opened: HttpPort[] = []
  for (const { contents: served, ...port } of ports) {
    const one = await serveHttp(port, served)
    if (one.ok) opened.push(one.value)
    else {
      for (const other of opened) await other.close()
      return one
    }
  }
  return read(opened)
}
