import { describe, expect, test } from 'vitest'
import { readConfirmation } from '../../../src/verify/confirmation.ts'

const jkt = '0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I'
const x5t = 'A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0'

describe('RFC 7800 section 3.1', () => {
  test('a key, a certificate, or both', () => {
    expect(readConfirmation({ jkt })).toEqual({ ok: true, value: { jkt, x5tS256: undefined, thumbprint: jkt } })
    expect(readConfirmation({ 'x5t#S256': x5t })).toEqual({
      ok: true,
      value: { jkt: undefined, x5tS256: x5t, thumbprint: x5t },
    })
    expect(readConfirmation({ jkt, 'x5t#S256': x5t })).toEqual({
      ok: true,
      value: { jkt, x5tS256: x5t, thumbprint: jkt },
    })
  })
  test('MTLS-16 unknown members beside a known one are ignored', () =>
    expect(readConfirmation({ jkt, foo: 1, kid: 'x', jwk: null }).ok).toBe(true))
  test('MTLS-16, T-47, T-48 anything that names no known method is unreadable', () => {
    for (const cnf of [
      undefined,
      null,
      'x',
      '',
      7,
      true,
      [],
      [jkt],
      {},
      { kid: '1' },
      { jwk: {} },
      { jku: 'https://x' },
      { 'x5t#S512': x5t },
    ])
      expect(readConfirmation(cnf).ok).toBe(false)
    expect(readConfirmation(Object.create({ jkt })).ok).toBe(false)
    expect(readConfirmation({ JKT: jkt, x5t }).ok).toBe(false)
  })
  test('MTLS-17 a value is 43 characters of canonical base64url', () => {
    const wrong = [
      `${jkt}=`,
      jkt.slice(1),
      `${jkt}A`,
      jkt.toUpperCase().slice(0, 42),
      `${jkt.slice(0, -1)}J`,
      '',
      null,
      7,
      [jkt],
      {},
    ]
    for (const value of [...wrong, ` ${jkt.slice(1)}`, jkt.replace('-', '+'), `${jkt.slice(0, -1)}\n`]) {
      expect(readConfirmation({ jkt: value }).ok).toBe(false)
      expect(readConfirmation({ 'x5t#S256': value }).ok).toBe(false)
      expect(readConfirmation({ jkt: value, 'x5t#S256': x5t }).ok).toBe(false)
      expect(readConfirmation({ jkt, 'x5t#S256': value }).ok).toBe(false)
    }
  })
})
