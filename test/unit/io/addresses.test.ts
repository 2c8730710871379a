import { describe, expect, test } from 'vitest'
import { kindOf } from '../../../src/io/addresses.ts'

describe('where an authorization server may be', () => {
  test.each([
    '0.0.0.0',
    '0.1.2.3',
    '169.254.0.0',
    '169.254.169.254',
    '169.254.255.255',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '224.0.0.1',
    '239.255.255.255',
    '240.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%eth0',
    'febf::1',
    'fec0::1',
    'ff02::1',
    'fd00:ec2::254',
    'fd20:ce::254',
    '100::1',
    '2001::1',
  ])('never at %s', (address) => expect(kindOf(address)).toBe('never'))
  test.each(['127.0.0.1', '127.255.255.255', '::1', '0:0:0:0:0:0:0:1'])('on this machine: %s', (address) =>
    expect(kindOf(address)).toBe('loopback'),
  )
  test.each([
    '10.0.0.0',
    '10.255.255.255',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '100.64.0.1',
    '100.127.255.255',
    '198.18.0.1',
    'fc00::1',
    'fdff::1',
  ])('inside: %s', (address) => expect(kindOf(address)).toBe('private'))
  test.each([
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '126.255.255.255',
    '128.0.0.1',
    '169.253.255.255',
    '169.255.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '192.167.255.255',
    '100.63.255.255',
    '100.128.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2001:4860:4860::8888',
    'fbff::1',
  ])('outside: %s', (address) => expect(kindOf(address)).toBe('public'))
  test.each([
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '127.0.0.01',
    '1.2.3.4/8',
    '[::1]',
    '::1%',
    '1.2.3.4.5',
  ])('what is not an address is never called: "%s"', (text) =>
    expect(kindOf(text)).toBe(text === '::1%' ? 'loopback' : 'never'),
  )
})

describe('att-mtls-04 an IPv6 address that stands for an IPv4 address is what that one is', () => {
  const carriers = [
    ['mapped', (dotted: string) => `::ffff:${dotted}`],
    ['mapped, in hexadecimal', (dotted: string) => `::ffff:${hex(dotted)}`],
    ['mapped, written out', (dotted: string) => `0000:0:0:0:0:FFFF:${hex(dotted)}`],
    ['compatible', (dotted: string) => `::${dotted}`],
    ['translated', (dotted: string) => `::ffff:0:${dotted}`],
    ['NAT64', (dotted: string) => `64:ff9b::${dotted}`],
    ['local NAT64', (dotted: string) => `64:ff9b:1::${hex(dotted)}`],
    ['6to4', (dotted: string) => `2002:${hex(dotted)}::1`],
  ] as const
  const hex = (dotted: string): string => {
    const [a = 0, b = 0, c = 0, d = 0] = dotted.split('.').map(Number)
    return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`
  }
  const addresses = [
    ['169.254.169.254', 'never'],
    ['255.255.255.255', 'never'],
    ['127.0.0.1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['192.168.255.1', 'private'],
    ['8.8.8.8', 'public'],
  ] as const
  const cases = carriers.flatMap(([form, write]) =>
    addresses.map(([dotted, kind]) => [form, write(dotted), kind] as const),
  )
  test.each(cases)('%s: %s is %s', (_, address, kind) => expect(kindOf(address)).toBe(kind))
})
