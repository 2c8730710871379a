import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LogRecord } from '../../demo/service-process.ts'
import type { CheckRequest } from '../../src/wire.ts'
import { commandLine } from '../support/command-line.ts'
import { jsonForm } from '../support/explain.ts'
import { freshRequest, serviceDocument, startTestService } from '../support/lifecycle-service.ts'

const TOKEN = 'Kq3vX9mWb2Lr7TzYc5Nf8PdHs1GjRuEo'
const document = {
  ...serviceDocument,
  listen: { ...serviceDocument.listen, admin: '127.0.0.1:0', adminAccess: { tokens: [`\${ADMIN_TOKEN}`] } },
  log: { level: 'debug' },
}

/** The same request on another stream: what a thief would send, and no retry of Envoy's. */
function again({ attributes }: CheckRequest): CheckRequest {
  const http = { ...attributes?.request?.http, id: 'another-stream' }
  return { attributes: { ...attributes, request: { http } } }
}

/** The lines of an explanation that say most. */
const gist = (out: string): readonly string[] => [out.split('\n')[0] ?? '', ...(out.match(/^ {2}FAIL {5}.*$/gm) ?? [])]

test('one request, explained by the service, by its log and by trying it again', async () => {
  const service = await startTestService(document, undefined, { ADMIN_TOKEN: TOKEN })
  const ready = service.records.find(({ msg }) => msg === 'ready') as LogRecord & { readonly http: readonly string[] }
  const admin = `http://${ready.http.at(-1)}`
  const last = ['explain', '--last', '--admin', admin]
  const environment = { ENVOY_FAPI_ADMIN_TOKEN: TOKEN, ADMIN_TOKEN: TOKEN }
  expect((await commandLine(last, environment)).err).toBe(`${admin}: it has decided nothing yet\n`)

  const request = freshRequest()
  const client = service.connect()
  await client.ask(request)
  expect(gist((await commandLine(last, environment)).out)).toEqual(['ALLOW'])
  await client.ask(again(request))
  const replayed = await commandLine([...last, '--config', service.config], environment)
  expect(gist(replayed.out)).toEqual([
    'DENY 401 proof_replayed',
    '  FAIL     proof unused             RFC 9449 section 11.1',
  ])
  expect(replayed.out).toMatch(/^ {11}set by {4}stores .*envoy-fapi\.yaml:\d+:\d+$/m)
  expect(replayed.code).toBe(10)

  const log = join(service.directory, 'service.log')
  writeFileSync(log, service.records.map((record) => `${JSON.stringify(record)}\n`).join(''))
  const denied = service.records.find(({ reason }) => reason === 'proof_replayed') as LogRecord
  const logged = await commandLine(['explain', '--from-log', String(denied.interactionId), '--log', log])
  expect([gist(logged.out), logged.code]).toEqual([gist(replayed.out), 10])

  const captured = join(service.directory, 'request.json')
  writeFileSync(captured, jsonForm(request))
  const tried = await commandLine(['explain', '--config', service.config, '--request', captured], environment)
  expect(gist(tried.out)).toEqual(['ALLOW'])
  expect(tried.out).toContain('note       replay: not asked; the proof is taken as new')

  const answer = await fetch(`${admin}/decisions`, { headers: { authorization: `Bearer ${TOKEN}` } })
  const shown = [await answer.text(), replayed.out, logged.out, tried.out].join('\n')
  const secrets = (request.attributes?.request?.http?.headerMap?.headers ?? [])
    .filter(({ key }) => key === 'authorization' || key === 'dpop')
    .flatMap(({ rawValue = Buffer.alloc(0) }) => Buffer.from(rawValue).toString('latin1').split(/[ .]/))
    .filter((part) => part.length > 8)
  expect(secrets.length).toBe(6)
  for (const secret of [...secrets, TOKEN]) expect(shown).not.toContain(secret)

  service.edit(serviceDocument)
  await expect.poll(async () => (await commandLine(last, environment)).err).toContain('it answers 404')
})
