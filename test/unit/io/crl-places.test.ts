import { describe, expect, test } from 'vitest'
import { CDP, here, holdCrls, listed, pointsTo, settled, writeList } from '../../support/crls.ts'

const SERIAL = '00c0ffee'
const client = listed(SERIAL)
const pointed = listed(SERIAL, [pointsTo(CDP)])
const hosts = ['crl.example.com']

describe('REV-08 T-64 att-mtls-04 places that certificates name', () => {
  test.each([
    ['no host is listed', CDP, []],
    ['another host', 'http://other.example.com/list.crl', hosts],
    ['the metadata address of a cloud', 'http://169.254.169.254/latest', hosts],
    ['another port', 'http://crl.example.com:8080/list.crl', hosts],
    ['a user in front', 'http://crl.example.com@other.example.com/', hosts],
    ['a user of the listed host', 'http://user@crl.example.com/', hosts],
    ['a backslash', 'http://other.example.com\\@crl.example.com/', hosts],
    ['ldap', 'ldap://crl.example.com/cn=ca', hosts],
    ['a file', 'file://crl.example.com/etc/passwd', hosts],
  ])('%s: nobody is called', async (_name, url, listedHosts) => {
    const { judge, fetched } = holdCrls({ hosts: listedHosts }, () => here(writeList()))
    expect(await judge(listed(SERIAL, [pointsTo(url)]))).toBe('unavailable')
    expect(fetched).toEqual([])
  })
  test('REV-17 one at a listed host is fetched when it is met, once, and then known', async () => {
    const { judge, fetched, patience } = holdCrls({ hosts }, () => here(writeList()))
    expect(await Promise.all([judge(pointed), judge(pointed), judge(pointed)])).toEqual(['good', 'good', 'good'])
    expect(await judge(pointed)).toBe('good')
    expect([fetched, patience.pending()]).toEqual([[CDP], []])
  })
  test('REV-17 a request waits no longer than it may, and the fetch goes on', async () => {
    const { promise, resolve } = Promise.withResolvers<ReturnType<typeof here>>()
    const { judge, patience, kinds, events } = holdCrls({ hosts }, () => promise)
    const judged = judge(pointed)
    expect(patience.pending()).toEqual([150])
    patience.end()
    expect([await judged, kinds()]).toEqual(['unavailable', ['late']])
    resolve(here(writeList()))
    await settled(2, events)
    expect(await judge(pointed)).toBe('good')
  })
  test('REV-16 one that failed is left alone for half a minute', async () => {
    const { judge, fetched, pass, change } = holdCrls({ hosts })
    expect([await judge(pointed), await judge(pointed)]).toEqual(['unavailable', 'unavailable'])
    pass(29)
    change(() => here(writeList()))
    expect([await judge(pointed), fetched.length]).toEqual(['unavailable', 1])
    pass(1)
    expect([await judge(pointed), fetched.length]).toEqual(['good', 2])
  })
  test('REV-16 one that nobody asks for is not fetched again; one in use is', async () => {
    const { judge, fetched, bell, events } = holdCrls({ hosts }, () => here(writeList()))
    await judge(pointed)
    bell.ring()
    expect(fetched.length).toBe(1)
    const used = holdCrls({ hosts }, () => here(writeList()))
    await used.judge(pointed)
    await used.judge(pointed)
    used.bell.ring()
    await settled(2, used.events)
    expect([events.length, used.fetched.length]).toEqual([1, 2])
  })
  test('no more than four are fetched at once, and no more than 64 are kept', async () => {
    const held = holdCrls({ hosts }, () => new Promise(() => undefined))
    for (let at = 0; at < 6; at += 1) void held.judge(listed(SERIAL, [pointsTo(`${CDP}?${at}`)]))
    expect([held.fetched.length, held.kinds()]).toEqual([4, ['busy', 'busy']])

    const many = holdCrls({ hosts }, () => here(writeList()))
    const certificates = Array.from({ length: 65 }, (_, at) => listed(SERIAL, [pointsTo(`${CDP}?${at}`)]))
    for (const certificate of certificates) await many.judge(certificate)
    expect(many.bell.waiting().length).toBe(64)
    const [first, last] = [certificates[0] ?? client, certificates[64] ?? client]
    await many.judge(last)
    expect(many.fetched.length).toBe(65)
    await many.judge(first)
    expect(many.fetched.length).toBe(66)
  })
})
