import { join } from 'node:path'
import type { Command } from 'commander'
import { parse } from 'yaml'
import { readConfig } from '../config.ts'
import { type Answers, questions, readAnswers, type Said } from '../init/answers.ts'
import { configurationOf, layOut, type NewFile } from '../init/layout.ts'
import { nextSteps } from '../init/next-steps.ts'
import type { Step } from '../init/step.ts'
import { packageExamples } from '../io/examples.ts'
import { interpolate } from '../io/interpolation.ts'
import { existing, writeAll } from '../io/new-files.ts'
import { spellPath } from '../io/yaml-structure.ts'
import { shellWord } from '../shell-word.ts'
import { refuseUsage } from './key-files.ts'
import type { Terminal } from './main.ts'

type Options = Said & { readonly dev?: boolean; readonly force?: boolean; readonly json?: boolean }

/** `init [DIR]`: a commented configuration, the wiring for a platform, and what to do next. */
export function registerInit(program: Command, terminal: Terminal): void {
  const init = program
    .command('init [directory]')
    .description('write a commented configuration and the wiring for Envoy, a sidecar, Istio or Envoy Gateway')
  for (const { flag, value, text, fallback } of questions) {
    const otherwise = fallback({})
    init.option(`--${flag} <${value}>`, otherwise === undefined ? text : `${text} (otherwise ${otherwise})`)
  }
  init
    .option('--dev', 'for a machine of your own: keys in a file stand in for the authorization server')
    .option('--force', 'replace files that exist')
    .option('--json', 'machine-readable output; nothing is asked')
    .addHelpText(
      'after',
      [
        '',
        'Without --origin or --issuer you are asked, if there is a terminal.',
        '',
        'Example:',
        '  envoy-fapi init --dev --origin https://api.bank.example --issuer https://as.bank.example',
        '  envoy-fapi init edge --for sidecar --binding both --origin https://api.bank.example --issuer https://as.bank.example',
      ].join('\n'),
    )
    .action((directory: string | undefined, options: Options) => runInit(directory ?? '.', options, terminal))
}

async function runInit(directory: string, options: Options, terminal: Terminal): Promise<void> {
  const missing = options.origin === undefined || options.issuer === undefined
  const said = missing && terminal.ask && !options.json ? await askAll(options, terminal, terminal.ask) : options
  if (!said) return refuseUsage(terminal, 'nothing was written')
  const read = readAnswers(said, options.dev === true)
  const problems = read.ok ? [] : read.problems
  if (!read.ok) return refuse(problems, options, terminal)
  const { answers } = read
  const examples = packageExamples()
  if (!examples) return refuse(['the examples that init copies are not here: take the npm package'], options, terminal)
  const files = layOut(answers, examples)
  const unfit = findUnfit(files)
  if (unfit.length > 0) return refuse(unfit, options, terminal)
  const inTheWay = placeFiles(directory, files, options)
  if (inTheWay.length > 0) return refuse(inTheWay, options, terminal)
  report(directory, answers, files, options, terminal)
}

/** Writes the files, or says why none was written. */
function placeFiles(directory: string, files: readonly NewFile[], { force = false }: Options): readonly string[] {
  const paths = files.map(({ path }) => path)
  try {
    const found = force ? [] : existing(directory, paths)
    if (found.length > 0)
      return [...found.map((path) => `${join(directory, path)} exists`), 'nothing was written: --force replaces them']
    writeAll(directory, files, force)
    return []
  } catch (error) {
    return [`nothing was written: ${(error as Error).message}`]
  }
}

/** Asks what no flag has said, each again until the answer is right; undefined when the terminal was closed. */
async function askAll(
  options: Options,
  terminal: Terminal,
  ask: NonNullable<Terminal['ask']>,
): Promise<Said | undefined> {
  const said: Said = { ...options }
  for (const { flag, text, fallback, example, refuse: judge } of questions) {
    while (said[flag] === undefined) {
      const proposal = fallback(said) ?? example ?? ''
      const typed = await ask(`${text} [${proposal}]: `)
      if (typed === undefined) return undefined
      const answer = typed.trim() || proposal
      const problem = judge(answer, said)
      if (problem === undefined) said[flag] = answer
      else terminal.err(`${problem}\n`)
    }
  }
  return said
}

/** A configuration the service would not read is not written: answers that are right alone may contradict each other. */
function findUnfit(files: readonly NewFile[]): readonly string[] {
  return files
    .filter(({ path }) => path.endsWith('envoy-fapi.yaml'))
    .flatMap(({ path, text }) => {
      const reading = readConfig(interpolate(parse(text), {}, '.').value)
      return reading.ok ? [] : reading.problems.map((one) => `${path}: ${spellPath(one.path)}: ${one.message}`)
    })
}

function refuse(problems: readonly string[], { json }: Options, terminal: Terminal): void {
  if (json) terminal.out(`${JSON.stringify({ ok: false, problems })}\n`)
  else terminal.err(problems.map((problem) => `${problem}\n`).join(''))
  terminal.exit(2)
}

function report(
  directory: string,
  answers: Answers,
  files: readonly NewFile[],
  { json }: Options,
  terminal: Terminal,
): void {
  const written = files.map(({ path }) => join(directory, path))
  const steps = nextSteps(answers, configurationOf(answers.target))
  if (json) {
    terminal.out(`${JSON.stringify({ ok: true, files: written, steps })}\n`)
    return
  }
  const go = directory === '.' ? '' : `\n  cd ${shellWord(directory)}\n`
  const live = answers.dev
    ? '\nTo go live: run this init with --force and without --dev, bring real server.pem and server.key, and leave as.jwk\nand client.jwk behind.\n'
    : answers.target === 'envoy' && answers.binding === 'dpop'
      ? '\nTo try it here first, without your authorization server: the same with --dev --force.\n'
      : ''
  terminal.out(`${written.map((path) => `wrote ${path}\n`).join('')}${go}${steps.map(spellStep).join('')}${live}`)
}

const spellStep = ({ title, commands }: Step, index: number): string =>
  `\n${index + 1}. ${title}\n${commands.map((command) => `  ${command}\n`).join('')}`
