import { expect, test } from 'vitest'
import { readDockerfile } from '../support/dockerfile.ts'

test('stages, their images, and every instruction', () => {
  const text = [
    '# a comment',
    'ARG IMAGE=node:24',
    'FROM $\\{IMAGE} AS one'.replace('\\', ''),
    'WORKDIR /app',
    'COPY a b ./',
    'RUN npm ci --omit=dev',
    '',
    'FROM base',
    'LABEL a.b="c d" \\',
    '      e=f',
    'COPY --from=one /app/x ./x',
    'USER 10001:10002',
    'EXPOSE 1 2',
    'ENTRYPOINT ["/node", "a b"]',
  ].join('\n')
  expect(readDockerfile(text)).toEqual([
    {
      ...{ image: 'node:24', name: 'one' },
      instructions: [
        { kind: 'WORKDIR', path: '/app' },
        { kind: 'COPY', from: undefined, sources: ['a', 'b'], to: './' },
        { kind: 'RUN', words: ['npm', 'ci', '--omit=dev'] },
      ],
    },
    {
      ...{ image: 'base', name: undefined },
      instructions: [
        { kind: 'LABEL', pairs: { 'a.b': 'c d', e: 'f' } },
        { kind: 'COPY', from: 'one', sources: ['/app/x'], to: './x' },
        { kind: 'USER', uid: 10001, gid: 10002 },
        { kind: 'EXPOSE', ports: [1, 2] },
        { kind: 'ENTRYPOINT', words: ['/node', 'a b'] },
      ],
    },
  ])
})

test.each([
  'RUN npm ci && curl x',
  'RUN echo "$SECRET" > /key',
  'RUN --mount=type=secret,id=x npm ci',
  'COPY --chown=1:1 a b',
  'COPY --chmod=777 a b',
  'COPY a',
  'ADD https://x.example/y /y',
  'USER node',
  'USER 0',
  'ENV A=$B',
  'ARG LATE=1',
  'ENTRYPOINT node main.js',
  'CMD [1]',
  'HEALTHCHECK NONE',
  'VOLUME /x',
  'SHELL ["/bin/sh"]',
  'run npm ci',
])('%s is not understood', (line) => expect(() => readDockerfile(`FROM x\n${line}`)).toThrow(`understood: ${line}`))
