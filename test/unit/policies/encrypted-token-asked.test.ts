import { describe, expect, test } from 'vitest'
import { verdict } from '../../support/answers.ts'
import { recipient, seal, sealingDocument } from '../../support/encrypted.ts'
import { asked, forcedDocument, oracle } from '../../support/introspected.ts'
import { activeAnswer, OPAQUE } from '../../support/introspection.ts'
import { buildTestCheck, goodRequest, mintToken } from '../../support/spine.ts'

const [server] = sealingDocument.authorizationServers
const document = { ...forcedDocument, authorizationServers: [{ ...server, ...asked }] }

/** How a Check ends on a route that asks about every token, and which tokens were asked about. */
async function judge(token: string, required: boolean) {
  const { introspector, tokens } = oracle(activeAnswer())
  const { ask } = buildTestCheck({ document, introspection: introspector, recipient: recipient({ required }) })
  return [verdict(await ask(goodRequest({ token }))), tokens.length]
}

describe('JWT-23 a server that encrypts and is asked about every token', () => {
  test('a JWT that is not encrypted is refused where it has to be, whatever the server would say', async () => {
    expect(await judge(mintToken(), true)).toEqual(['token_type_refused', 0])
    expect(await judge(mintToken(), false)).toEqual(['allow', 1])
  })
  test.each([
    ['encrypted', () => seal(mintToken())],
    ['opaque', () => OPAQUE],
  ])('one that is %s is asked about', async (_, make) => expect(await judge(await make(), true)).toEqual(['allow', 1]))
})
