import { describe, expect, test } from 'vitest'
import { isTrusted, readTrustedProxy } from '../../src/trusted-proxies.ts'

function trusts(proxy: string, clientAddress: string, principal = ''): boolean {
  const reading = readTrustedProxy(proxy)
  if (!reading.ok) throw new Error(reading.problem)
  return isTrusted([reading.value], { clientAddress, principal })
}

describe('MTLS-07 proxies by address', () => {
  test.each([
    [
      '10.0.0.0/8',
      ['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3', '::ffff:a01:203'],
      ['9.255.255.255', '11.0.0.0', 'fd00::a00:1'],
    ],
    ['192.0.2.128/25', ['192.0.2.128', '192.0.2.255'], ['192.0.2.127', '192.0.3.128']],
    ['192.0.2.1', ['192.0.2.1'], ['192.0.2.0', '192.0.2.10', '']],
    ['192.0.2.1/32', ['192.0.2.1'], ['192.0.2.2']],
    ['fd00::/8', ['fd00::1', 'fdff:1:2:3:4:5:6:7', 'fd00::192.0.2.1'], ['fc00::1', 'fe00::', '10.0.0.1', '0.0.0.253']],
    ['fc00::/7', ['fd00::1', 'FC00::1'], ['fe00::']],
    ['2001:db8::/32', ['2001:db8::', '2001:0DB8:ffff::1'], ['2001:db9::', '::']],
    ['2001:db8::1', ['2001:db8:0:0:0:0:0:1', '2001:db8::0:1'], ['2001:db8::2']],
    ['::1', ['::1', '0:0:0:0:0:0:0:1'], ['::', '0.0.0.1']],
  ])('%s', (proxy, inside, outside) => {
    for (const address of inside) expect([address, trusts(proxy, address)]).toEqual([address, true])
    for (const address of outside) expect([address, trusts(proxy, address)]).toEqual([address, false])
  })
  test('an address that is none is nobody', () => {
    for (const odd of [
      '',
      'x',
      '10.0.0',
      '10.0.0.1.1',
      '10.0.0.256',
      '010.0.0.1',
      '10.0.0.1 ',
      '10.0.0.1:80',
      ':::',
      '1::2::3',
    ])
      expect([odd, trusts('10.0.0.0/8', odd), trusts('fd00::/8', odd)]).toEqual([odd, false, false])
  })
  test.each([
    '0.0.0.0/0',
    '::/0',
    '0.0.0.0/1',
    '128.0.0.0/1',
    '10.0.0.0/7',
    '2000::/3',
    '2001::/15',
    'fc00::/6',
    '::ffff:0:0/96',
    '::ffff:10.0.0.0/104',
    '10.1.2.3/8',
    'fd00::1/64',
    '10.0.0.0/33',
    'fd00::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '10.0.0/8',
    '10',
    '1.2.3.4.5',
    '010.0.0.0/8',
    '::1::',
    'fd00:::/8',
    '12345::/16',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '::1.2.3.400',
    ':/8',
  ])('%s is refused', (proxy) => expect(readTrustedProxy(proxy).ok).toBe(false))
})

describe('MTLS-07 proxies by principal', () => {
  test.each(['spiffe://bank.example/gateway', 'gateway.bank.example', 'CN=gateway,O=Bank', 'cafe.de', 'fd00.example'])(
    '%s',
    (name) => {
      expect(trusts(name, '', name)).toBe(true)
      for (const other of ['', `${name}/`, name.toUpperCase().replace('CN=GATEWAY', 'CN=G'), ` ${name}`, name.slice(1)])
        expect([other, trusts(name, '', other)]).toEqual([other, false])
      expect(trusts(name, name)).toBe(false)
    },
  )
  test.each(['*', 'spiffe://bank.example/*', '*.bank.example', ' a', 'a ', 'a\nb', '\u00e9', ''])(
    '%j is refused',
    (name) => expect(readTrustedProxy(name).ok).toBe(false),
  )
  test('nobody is trusted where nobody is named', () =>
    expect(isTrusted([], { clientAddress: '10.0.0.1', principal: '' })).toBe(false))
})
