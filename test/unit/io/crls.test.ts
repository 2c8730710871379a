import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import {
  CDP,
  crlPem,
  entry,
  gone,
  here,
  holdCrls,
  listExtensions,
  listed,
  listIssuer,
  listNamesake,
  listStranger,
  manyEntries,
  nth,
  pointsTo,
  settled,
  writeList,
} from '../../support/crls.ts'
import { NOW } from '../../support/ocsp-pki.ts'

const directory = mkdtempSync(join(tmpdir(), 'crls-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
const fileOf = (content: Buffer | string): string => {
  files += 1
  const file = join(directory, `${files}.crl`)
  writeFileSync(file, content)
  return file
}

const SERIAL = '00c0ffee'
const client = listed(SERIAL)
const revoking = { revoked: [entry(SERIAL)] }
const later = { thisUpdate: NOW - 1, extended: [listExtensions.number('08')] }
const URL_ = 'http://crl.example.com/ca.crl'
const pointed = listed(SERIAL, [pointsTo(CDP)])
const hosts = ['crl.example.com']
const issuers = [listIssuer.certificate]

describe('REV-19 lists in files', () => {
  test.each([
    ['DER', writeList(revoking), 'revoked'],
    ['PEM', crlPem(writeList(revoking)), 'revoked'],
    ['several in PEM', crlPem(writeList({ by: listStranger })) + crlPem(writeList()), 'good'],
    ['several in PEM, one of which revokes', crlPem(writeList()) + crlPem(writeList(revoking)), 'revoked'],
    ['another authority', writeList({ by: listStranger }), 'unavailable'],
    ['signed by another', writeList({ key: listStranger.key }), 'unavailable'],
    ['stale', writeList({ nextUpdate: NOW - 1 }), 'unavailable'],
    ['cut off', writeList().subarray(0, -3), 'unavailable'],
    ['nothing', '', 'unavailable'],
  ])('%s', async (_name, content, kind) => {
    const { crls, judge } = holdCrls({ files: [fileOf(content)] })
    await crls.first
    expect(await judge(client)).toBe(kind)
    crls.close()
  })
  test('a file that is not there is told and has no answer', async () => {
    const { crls, judge, events } = holdCrls({ files: [join(directory, 'none')] })
    await crls.first
    expect(await judge(client)).toBe('unavailable')
    expect(events).toMatchObject([{ kind: 'failed', problem: 'there is no such file' }])
    expect(crls.available).toBe(false)
  })
  test('each file is looked at', async () => {
    const { crls, judge } = holdCrls({ files: [fileOf(writeList()), fileOf(writeList(revoking))] })
    await crls.first
    expect(await judge(client)).toBe('revoked')
  })
  test('an answer that is known takes no waiting', async () => {
    const { crls, now } = holdCrls({ files: [fileOf(writeList())] })
    await crls.first
    expect(crls.judge(client, listIssuer.certificate, now())).toEqual({ kind: 'good', until: NOW + 3600 })
  })
})

describe('crl-swap a list that is replaced on disk takes effect', () => {
  const hold = async () => {
    const file = fileOf(writeList())
    const held = holdCrls({ files: [file], issuers })
    await held.crls.first
    expect(await held.judge(client)).toBe('good')
    /** Replaces the file; the next look is due. */
    const swap = async (content: Buffer): Promise<void> => {
      const told = held.events.length
      writeFileSync(file, content)
      held.bell.ring()
      await settled(told + 1, held.events)
      while (held.bell.waiting().length === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    return { ...held, swap }
  }
  test('within five seconds', async () => {
    const { swap, judge, bell, crls } = await hold()
    const before = crls.generation
    expect(bell.waiting()).toEqual([5])
    await swap(writeList({ ...later, ...revoking }))
    expect(await judge(client)).toBe('revoked')
    expect(crls.generation).toBeGreaterThan(before)
    await swap(writeList({ thisUpdate: NOW, extended: [listExtensions.number('09')] }))
    expect(await judge(client)).toBe('good')
  })
  test.each([
    ['one that is broken', writeList({ ...later, ...revoking }).subarray(0, -1)],
    ['one that somebody else signed', writeList({ ...later, ...revoking, key: listStranger.key })],
    ['one that is older: REV-07', writeList({ ...revoking, thisUpdate: NOW - 7200 })],
    ['one with a lower number: REV-07', writeList({ ...later, ...revoking, extended: [listExtensions.number('06')] })],
    ['one that counts no longer', writeList({ ...later, ...revoking, nextUpdate: NOW - 1 })],
    ['one that does not count yet', writeList({ ...later, ...revoking, thisUpdate: NOW + 61 })],
    ['one of another authority', writeList({ ...later, by: listStranger })],
  ])('and %s takes nothing', async (_name, content) => {
    const { swap, judge, kinds } = await hold()
    await swap(content)
    expect(kinds().at(-1)).toBe('refused')
    expect(await judge(client)).toBe('good')
  })
  test('a file that stays as it is is not read again', async () => {
    const { bell, events } = await hold()
    bell.ring()
    while (bell.waiting().length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(events.length).toBe(1)
  })
  test('an authority that is met later signs what was read before', async () => {
    const file = fileOf(writeList({ by: listNamesake }))
    const { crls, judge } = holdCrls({ files: [file], issuers })
    await crls.first
    const other = listed(SERIAL, [], listNamesake)
    expect(await judge(other, listNamesake.certificate)).toBe('unavailable')
    await crls.reload()
    expect(await judge(other, listNamesake.certificate)).toBe('good')
  })
})

describe('REV-16 lists at URLs are fetched in the background', () => {
  test('before their time is over, however nobody asks', async () => {
    const { crls, fetched, limits, bell, pass, judge, change, events } = holdCrls({ urls: [URL_], issuers }, () =>
      here(writeList()),
    )
    await crls.first
    expect([fetched, limits]).toEqual([[URL_], [{ maxBytes: 20_971_520, timeout: 5000 }]])
    // 65 of a hundred of the hour that is left.
    expect(bell.waiting()).toEqual([3600 * 0.65])
    pass(3600 * 0.65)
    change(() => here(writeList({ ...later, ...revoking })))
    expect(await judge(client)).toBe('good')
    bell.ring()
    await settled(2, events)
    expect(await judge(client)).toBe('revoked')
  })
  test.each([
    ['once a day at the least', issuers, 86_400],
    ['every five minutes while nobody known has signed it: anybody on the way could have written it', [], 300],
  ])('%s', async (_name, known, seconds) => {
    const supply = () => here(writeList({ nextUpdate: NOW + 864_000 }))
    const { crls, bell } = holdCrls({ urls: [URL_], issuers: known }, supply)
    await crls.first
    expect(bell.waiting()).toEqual([seconds])
  })
  test('what fails is tried again after half a minute; the last one serves until its end', async () => {
    const { crls, bell, pass, judge, change, kinds, events } = holdCrls({ urls: [URL_] }, () => here(writeList()))
    await crls.first
    change(() => gone)
    bell.ring()
    await settled(2, events)
    expect([kinds(), bell.waiting()]).toEqual([['loaded', 'failed'], [30]])
    pass(3600)
    expect(await judge(client)).toBe('good')
    pass(1)
    expect(await judge(client)).toBe('unavailable')
    expect(kinds()).toContain('stale')
    expect(crls.available).toBe(false)
  })
  test('a failure that lasts is told once', async () => {
    const { crls, kinds } = holdCrls({ urls: [URL_] })
    await crls.first
    await crls.reload()
    expect(kinds()).toEqual(['failed'])
  })
  test('the query of a URL is not told', async () => {
    const { crls, events } = holdCrls({ urls: [`${URL_}?secret=1`] })
    await crls.first
    expect(events).toMatchObject([{ source: URL_ }])
  })
})

describe('large lists', () => {
  const big = writeList({ revoked: manyEntries(20_000) })
  const revoked = listed(nth(12_345))
  test.each([
    ['DER', big],
    ['PEM', crlPem(big)],
  ])('are read by a thread: %s', async (_name, content) => {
    const { crls, judge, events } = holdCrls({ files: [fileOf(content)] })
    await crls.first
    expect([await judge(revoked), await judge(client)]).toEqual(['revoked', 'good'])
    expect(events).toMatchObject([{ kind: 'loaded', lists: 1, entries: 20_000 }])
  })
  test('are refused when they are broken, or signed by another', async () => {
    const broken = Buffer.from(big)
    broken.writeUInt8(0x31, 100_000)
    const forged = writeList({ revoked: manyEntries(20_000), key: listStranger.key })
    const { crls, judge, kinds } = holdCrls({ files: [fileOf(broken), fileOf(forged)], issuers })
    await crls.first
    expect([await judge(client), kinds()]).toEqual(['unavailable', ['refused', 'refused']])
  })
})

test('what is closed calls nobody and says nothing more', async () => {
  const { crls, judge, bell, kinds, fetched } = holdCrls({ urls: [URL_], hosts }, () => here(writeList()))
  await crls.first
  crls.close()
  bell.ring()
  await judge(pointed)
  expect([fetched, kinds(), bell.waiting()]).toEqual([[URL_], ['loaded', 'closed'], []])
})
