import { describe, expect, test } from 'vitest'
import { readFailure } from '../../../src/io/redis-failures.ts'
import { readReply } from '../../../src/io/redis-reply.ts'

/** An error as the client gives it when Redis replied with one. */
const reply = (message: string): Error => Object.assign(new Error(message), { name: 'ReplyError' })
const coded = (code: string): Error => Object.assign(new Error('connect failed for fapi:correct-horse'), { code })

describe('what an error means', () => {
  test.each([
    [reply("OOM command not allowed when used memory > 'maxmemory'. script: 1, on @user_script:1."), 'full', 'OOM'],
    [reply('ERR Error running script (call to f_1): @user_script:9: -OOM command not allowed'), 'full', 'ERR'],
    [reply("READONLY You can't write against a read only replica. script: 1"), 'readonly', 'READONLY'],
    [reply('LOADING Redis is loading the dataset in memory'), 'loading', 'LOADING'],
    [reply('CLUSTERDOWN Hash slot not served'), 'loading', 'CLUSTERDOWN'],
    [reply('NOREPLICAS Not enough good replicas to write.'), 'loading', 'NOREPLICAS'],
    [reply('WRONGPASS invalid username-password pair or user is disabled.'), 'authentication', 'WRONGPASS'],
    [reply('NOAUTH Authentication required.'), 'authentication', 'NOAUTH'],
    [reply("NOPERM this user has no permissions to run the 'evalsha' command"), 'authentication', 'NOPERM'],
    [reply("ERR The user executing the script can't run this command"), 'authentication', 'ERR'],
    [reply('WRONGTYPE Operation against a key holding the wrong kind of value'), 'refused', 'WRONGTYPE'],
    [reply('MISCONF Redis is configured to save RDB snapshots'), 'refused', 'MISCONF'],
    [reply('something else'), 'refused', undefined],
    [new Error('Command timed out'), 'timeout', undefined],
    [new Error('Unknown RESP type 72 "H". Please report this.'), 'protocol', undefined],
    [new Error('Connection is closed.'), 'connection', undefined],
    [coded('ECONNREFUSED'), 'connection', 'ECONNREFUSED'],
    [coded('DEPTH_ZERO_SELF_SIGNED_CERT'), 'tls', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    [coded('ERR_TLS_CERT_ALTNAME_INVALID'), 'tls', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [coded('CERT_HAS_EXPIRED'), 'tls', 'CERT_HAS_EXPIRED'],
    ['no error at all', 'protocol', undefined],
    [undefined, 'protocol', undefined],
  ])('%s', (error, cause, code) => {
    expect(readFailure(error)).toEqual({ cause, code })
  })
  test('nothing of its text is passed on', () => {
    expect(JSON.stringify(readFailure(coded('ECONNRESET')))).not.toContain('correct-horse')
    expect(JSON.stringify(readFailure(reply('Secret correct-horse')))).not.toContain('correct-horse')
  })
})

describe('a reply is believed in exactly one form', () => {
  const good = ['tag', 'fresh', 1000, 2000, '']
  test('that one', () => {
    expect(readReply(good, 'tag')).toEqual({ word: 'fresh', horizon: 1000, newest: 2000, loss: '' })
    expect(readReply(['tag', 'used', 0, 0, 'emptied'], 'tag')).toEqual({
      word: 'used',
      horizon: 0,
      newest: 0,
      loss: 'emptied',
    })
    expect(readReply(['tag', 'evicting', 0, 0, ''], 'tag')).toEqual({ cause: 'evicting', code: undefined })
  })
  test.each([
    ['another tag', ['other', ...good.slice(1)]],
    ['no tag', [undefined, ...good.slice(1)]],
    ['an unknown word', ['tag', 'FRESH', 1000, 2000, '']],
    ['a word of a prototype', ['tag', 'constructor', 1000, 2000, '']],
    ['a time as text', ['tag', 'fresh', '1000', 2000, '']],
    ['a time below zero', ['tag', 'fresh', -1, 2000, '']],
    ['half a time', ['tag', 'fresh', 1000.5, 2000, '']],
    ['a time that is too large', ['tag', 'fresh', 1000, 2 ** 60, '']],
    ['an unknown loss', ['tag', 'fresh', 1000, 2000, 'x']],
    ['a member too few', good.slice(0, 4)],
    ['a member too many', [...good, '']],
    ['a list in it', ['tag', ['fresh'], 1000, 2000, '']],
    ['a text', 'fresh'],
    ['a number', 1],
    ['null', null],
    ['undefined', undefined],
    ['a map', { 0: 'tag', 1: 'fresh', 2: 1000, 3: 2000, 4: '', length: 5 }],
  ])('%s is nonsense', (_name, given) => {
    expect(readReply(given, 'tag')).toEqual({ cause: 'protocol', code: undefined })
  })
})
