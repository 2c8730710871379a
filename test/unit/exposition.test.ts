import { expect, test } from 'vitest'
import { readExposition } from '../support/exposition.ts'

const head = '# HELP a_total What it is.\n# TYPE a_total counter\n'
test('what a scrape shows', () => {
  expect(readExposition(`${head}a_total{b="c,\\"d\\"",e="}"} 2\n`)).toEqual([
    {
      ...{ name: 'a_total', type: 'counter', help: 'What it is.' },
      samples: [{ name: 'a_total', labels: { b: 'c,\\"d\\"', e: '}' }, value: 2 }],
    },
  ])
})
test.each([
  ['the last line does not end', `${head}a_total 2`],
  ['a sample of no metric', 'a_total 2\n'],
  ['a sample of no metric', '# HELP a_total What it is.\na_total 2\n'],
  ['no type of this metric', '# TYPE a_total counter\na_total 2\n'],
  ['no type of this metric', '# HELP a_total x\n# TYPE a_total number\n'],
  ['a sample of no metric', `${head}a_totals 2\n`],
  ['a sample of no metric', '# HELP h x\n# TYPE h histogram\nh 2\n'],
  ['a metric for the second time', head + head],
  ['a sample for the second time', `${head}a_total 2\na_total 3\n`],
  ['no sample', `${head}a_total two\n`],
  ['no sample', `${head}a_total{b="c} 2\n`],
  ['no sample', `${head}a_total{b="c",b="d"} 2\n`],
  ['no sample', `${head}a-total 2\n`],
])('%s: %j', (why, text) => expect(() => readExposition(text)).toThrow(why))
