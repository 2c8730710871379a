import { type Answer, answers } from '../src/denial.ts'
import { advice } from '../src/explain/advice.ts'

/** The body of docs/reasons.md: each reason under an anchor of its own, from the tables the service and `explain` use. */
export function reasonsPage(): string {
  const table = Object.entries(answers as Readonly<Record<string, Answer>>)
  const index = table.map(([reason]) => `[\`${reason}\`](#${reason})`).join(' · ')
  const sections = table.map(([reason, { status, error, description }]) => {
    const { check, clause, option, cause, example, client, operator } = advice[reason as keyof typeof advice]
    return [
      `### ${reason}`,
      `${cause}`,
      [
        `- **The client sees**: ${status} \`${error}\`, "${description}".`,
        `- **For example**: ${code(example)}`,
        `- **The client**: ${code(client)}`,
        `- **The operator**: ${code(operator)}`,
        `- **Checked**: ${check}, ${clause}. Decided by \`${option}\`.`,
      ].join('\n'),
    ].join('\n\n')
  })
  return [index, ...sections].join('\n\n')
}

/** Markup characters of Markdown stand for themselves in prose. */
const code = (text: string): string => text.replaceAll(/[*_<>[\]]/g, (character) => `\\${character}`)
