import { describe, expect, test } from 'vitest'
import { readInteractionId } from '../../src/interaction-id.ts'

const UUID = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
const read = (...lines: readonly string[]): string | undefined =>
  readInteractionId(new Map([['x-fapi-interaction-id', lines]]))

describe('XF-02 one UUID in the text form of RFC 4122', () => {
  test.each([
    ['version 1', UUID],
    ['version 4', 'c770aef3-6784-41f7-8e0e-ff5f97bddb3a'],
    ['version 7', '017f22e2-79b0-7cc3-98c4-dc0c0c07398f'],
    ['upper case', UUID.toUpperCase()],
    ['mixed case', 'C770AEF3-6784-41F7-8E0E-ff5f97bddb3a'],
    ['nil', '00000000-0000-0000-0000-000000000000'],
  ])('%s is kept as it is', (_, id) => expect(read(id)).toBe(id))
  test.each([
    ['none', []],
    ['an empty line', ['']],
    ['two lines', [UUID, UUID]],
    ['an empty second line', [UUID, '']],
    ['two values in a line', [`${UUID},${UUID}`]],
    ['braces', [`{${UUID}}`]],
    ['a URN', [`urn:uuid:${UUID}`]],
    ['no hyphens', [UUID.replaceAll('-', '')]],
    ['hyphens elsewhere', ['6ba7b81-09dad-11d1-80b4-00c04fd430c8']],
    ['a digit too many', [`${UUID}0`]],
    ['a digit too few', [UUID.slice(1)]],
    ['no hexadecimal digit', [UUID.replace('6', 'g')]],
    ['a blank in front', [` ${UUID}`]],
    ['a blank behind', [`${UUID} `]],
    ['a line break behind', [`${UUID}\n`]],
    ['a header behind a line break', [`${UUID}\r\nx-evil: 1`]],
    ['a UUID on a second line of the value', [`x\n${UUID}`]],
    ['digits of another script', [UUID.replace('8', '٨')]],
  ])('T-74 %s is no interaction id', (_, lines) => expect(read(...lines)).toBeUndefined())
})

test('the header is looked up under its own name alone', () => {
  expect(readInteractionId(new Map())).toBeUndefined()
  expect(readInteractionId(new Map([['x_fapi_interaction_id', [UUID]]]))).toBeUndefined()
})
