import { pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { packageExamples } from '../../../src/io/examples.ts'
import { directoryWith } from '../../support/config-files.ts'

const file = { 'envoy/envoy-fapi.yaml': 'found' }
const seenFrom = (folder: string, module: string) => packageExamples(`${pathToFileURL(folder).href}/${module}`)

test.each(['src/io/examples.ts', 'dist/src/io/examples.js'])('the examples are found from %s', (module) => {
  const examples = seenFrom(directoryWith(file), module)
  expect(examples?.list('envoy')).toEqual(['envoy/envoy-fapi.yaml'])
  expect(examples?.read('envoy/envoy-fapi.yaml')).toBe('found')
})
test('an image holds none', () => expect(seenFrom(directoryWith({}), 'dist/src/io/examples.js')).toBeUndefined())
