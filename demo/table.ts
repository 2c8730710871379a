import type { Answer } from './client.ts'
import { BY_ENVOY, isExpected, type Outcome, spellAnswer, spellSeen } from './outcome.ts'
import type { DemoRequest } from './requests.ts'
import type { Scene } from './scene.ts'
import { readSeen } from './upstream.ts'

const titles = ['#', 'what the client did', 'expected', 'got', 'reason', 'the upstream saw']

/** Sends every request through Envoy, prints a line for each as it comes back; how many came out otherwise. */
export async function printTable(
  requests: readonly DemoRequest[],
  scene: Scene,
  print: (line: string) => void,
): Promise<number> {
  // What is got is what is expected, as a rule, so the expectations give the widths.
  const wanted = requests.map(({ does, expected }, index) =>
    cells(index, does, expected.answer, expected.answer, expected.reason, expected.upstream),
  )
  const widths = titles.map((title, column) => Math.max(title.length, ...wanted.map((row) => row[column]?.length ?? 0)))
  const spell = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd()

  print(spell(titles))
  print(widths.map((width) => '─'.repeat(width)).join('  '))
  let wrong = 0
  for (const [index, request] of requests.entries()) {
    const { does, expected } = request
    const { outcome: got, detail } = await perform(request, scene)
    const row = spell(cells(index, does, expected.answer, got.answer, got.reason, got.upstream))
    if (isExpected(expected, got)) {
      print(row)
      continue
    }
    wrong += 1
    print(`${row}  ✗`)
    print(
      `    expected ${expected.answer}, ${expected.reason}, upstream: ${expected.upstream}${detail ? `; ${detail}` : ''}`,
    )
  }
  return wrong
}

const cells = (index: number, ...rest: readonly string[]): readonly string[] => [String(index + 1), ...rest]

/** A request and its three witnesses: the client, the log of the service, the upstream. */
async function perform({ send }: DemoRequest, scene: Scene): Promise<{ outcome: Outcome; detail: string | undefined }> {
  const { upstream, decision } = scene.setting
  const before = upstream.count()
  let answer: Answer
  try {
    answer = await send(scene)
  } catch (error) {
    const { code = String(error) } = error as NodeJS.ErrnoException
    const unseen = upstream.count() === before ? 'nothing' : 'a request'
    return { outcome: { answer: spellFailure(code), reason: BY_ENVOY, upstream: unseen }, detail: code }
  }
  const [id] = answer.headers.get('x-fapi-interaction-id') ?? []
  const record = id === undefined ? undefined : await decision(id)
  const seen = readSeen(answer.body)
  const passed = id === undefined ? upstream.count() > before : upstream.saw(id)
  const outcome = {
    answer: spellAnswer(answer),
    reason: id === undefined ? BY_ENVOY : (record?.reason ?? 'no log line'),
    upstream: seen ? spellSeen(seen) : passed ? 'a request' : 'nothing',
  }
  return { outcome, detail: record?.detail }
}

/** A missing client certificate shows after the handshake of TLS 1.3: as an alert, or as a reset that overtook it. */
const spellFailure = (code: string): string =>
  code.startsWith('ERR_SSL_') || code === 'ECONNRESET' || code === 'EPIPE' ? 'TLS refused' : code
