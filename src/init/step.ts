/** What to do after `init`: a heading and the commands below it. */
export interface Step {
  readonly title: string
  readonly commands: readonly string[]
}
