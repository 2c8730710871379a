import { describe, expect, test } from 'vitest'
import { verdict } from '../support/answers.ts'
import { received } from '../support/recordings.ts'
import { buildTestCheck, goodRequest, mintToken, ORIGIN, type Order, proofFor } from '../support/spine.ts'

describe('att-dpop-10, T-03, T-04 the URI of a proof is compared with configured origins alone', () => {
  const token = mintToken()
  const serve = () => {
    const { ask } = buildTestCheck()
    return { asked: async (order: Order): Promise<string> => verdict(await ask(received(goodRequest(order)))) }
  }
  const evil = (htu: string) => proofFor(token, { claims: { htu } })
  const headers: readonly (readonly [string, string])[] = [
    ['x-forwarded-host', 'evil.example'],
    ['x-forwarded-proto', 'http'],
    ['x-forwarded-port', '8443'],
    ['x-forwarded-prefix', '/evil'],
    ['x-original-url', '/evil'],
    ['x-rewrite-url', '/evil'],
    ['x-envoy-original-path', '/evil'],
    ['x-envoy-original-host', 'evil.example'],
    ['forwarded', 'host=evil.example;proto=http'],
  ]
  test.each(headers)('%s: %s changes nothing', async (name, value) => {
    const { asked } = serve()
    const spoofed = { token, headers: [[name, value]] } as const
    for (const htu of ['https://evil.example/accounts', 'http://api.example.com/accounts', `${ORIGIN}/evil`])
      expect(await asked({ ...spoofed, proof: evil(htu) })).toBe('proof_target_mismatch')
    expect(await asked({ ...spoofed, proof: evil(`${ORIGIN}:8443/accounts`) })).toBe('proof_target_mismatch')
    expect(await asked({ ...spoofed, proof: evil(`${ORIGIN}/accounts`) })).toBe('allow')
  })
  test.each(['evil.example', 'api.example.com.evil.example', 'api.example.com:8443', 'evil.example:443'])(
    'a request for %s is refused, whatever its proof says',
    async (host) => {
      const { asked } = serve()
      for (const htu of [`https://${host}/accounts`, `${ORIGIN}/accounts`])
        expect(await asked({ token, host, proof: evil(htu) })).toBe('host_unknown')
    },
  )
  test('a proof for one origin is none for another', async () => {
    const { asked } = serve()
    const other = 'https://mtls.example.com:8443'
    expect(await asked({ token, host: 'mtls.example.com:8443', proof: evil(`${ORIGIN}/accounts`) })).toBe(
      'proof_target_mismatch',
    )
    expect(await asked({ token, proof: evil(`${other}/accounts`) })).toBe('proof_target_mismatch')
    expect(await asked({ token, host: 'mtls.example.com:8443', proof: evil(`${other}/accounts`) })).toBe('allow')
  })
  test.each([
    'https://api.example.com\\@evil.example/accounts',
    'https://evil.example\\.api.example.com/accounts',
    'https:\\\\api.example.com\\accounts',
    'https://api.example.com%2f%2fevil/accounts',
    'https://%61pi.example.com/accounts',
    'https://api.example.com%00/accounts',
    'https://\u0430pi.example.com/accounts',
    'https://api\u3002example.com/accounts',
    'https://[::1/accounts',
    'https://[api.example.com]/accounts',
    'https://api.example.com:0x1bb/accounts',
    'https://api.example.com:443:443/accounts',
    'https://evil@api.example.com/accounts',
    'https://api.example.com\t/accounts',
    ' https://api.example.com/accounts',
    'https:/api.example.com/accounts',
    'https:api.example.com/accounts',
    '//api.example.com/accounts',
  ])('att-mtls-05, T-07 %j is not the URI of the request, though other readers would say so', async (htu) =>
    expect(await serve().asked({ token, proof: evil(htu) })).toBe('proof_target_mismatch'),
  )
})
