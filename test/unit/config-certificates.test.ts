import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { Config } from '../../src/config.ts'
import { readConfig } from '../../src/config.ts'
import { certificateNotes } from '../../src/config-certificates.ts'
import { expandConfig } from '../../src/config-expansion.ts'
import { commandLine } from '../support/command-line.ts'
import { directoryWith, smallest } from '../support/config-files.ts'
import { from } from '../support/forwarded.ts'

function read(document: unknown): Config {
  const reading = readConfig(document)
  if (!reading.ok) throw new Error(JSON.stringify(reading.problems))
  return reading.config
}
const configOf = (clientCertificateFrom: object) => read(smallest({ clientCertificateFrom }))

const hops = {
  source: 'xfcc',
  xfcc: { writtenBy: 'previousHop', trustedProxies: ['10.0.0.0/8', 'spiffe://a'], hops: 2 },
}

describe('MTLS-06, MTLS-07 every source of certificates', () => {
  test.each([...Object.values(from), hops, { source: 'none' }])(
    '%j means the same when it is written out',
    (setting) => {
      const config = configOf(setting)
      expect(config.clientCertificateFrom).toEqual(setting)
      expect(read(parse(JSON.stringify(expandConfig(config)))).clientCertificateFrom).toEqual(setting)
    },
  )
  test('is told what it takes for granted', () => {
    const notes = (setting: object) => certificateNotes(configOf(setting).clientCertificateFrom)
    expect(notes({})).toEqual([])
    expect(notes({ source: 'none' })).toEqual([])
    expect(notes(from.thisEnvoy)).toEqual([expect.stringContaining('SANITIZE_SET')])
    expect(notes(hops)).toEqual([expect.stringMatching(/10\.0\.0\.0\/8, spiffe:\/\/a .*hops: 2.*APPEND_FORWARD/)])
    expect(notes(from.hashOnly)).toEqual([
      expect.stringContaining('hops: 1'),
      expect.stringContaining('acceptHashOnly'),
    ])
    expect(notes(from.clientCert)).toEqual([expect.stringContaining('Client-Cert')])
  })
  test('config check says it', async () => {
    const text = JSON.stringify(smallest({ clientCertificateFrom: from.thisEnvoy }))
    const file = `${directoryWith({ 'envoy-fapi.yaml': text })}/envoy-fapi.yaml`
    expect((await commandLine(['config', 'check', file])).out).toContain(
      'note: client certificates come from x-forwarded',
    )
  })
})
