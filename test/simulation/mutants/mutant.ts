import { fileURLToPath } from 'node:url'

/** A bug to be planted into a compiled file. */
export interface Mutant {
  readonly name: string
  /** Relative to the repository: what `tsc` made, so its texts are without types and formatted as it does. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly find: string
  readonly replace: string
  /** What is promised in docs/failure-model.md, or an invariant of the checkers, that is broken then. */
  readonly breaks: string
  /** Seeds that are tried before it counts as survived. A rare one says in a comment why it needs more than usual. */
  readonly seeds?: number
  /** In the clusters that it is tried with. Default one. */
  readonly masters?: number
  /** What has to come together is too rare in whole clusters: the test that is to catch it, compiled, relative to the repository. */
  readonly test?: string
  /** It is not caught yet, because this does not happen, or too seldom. */
  readonly survives?: string
}

/** Address of a compiled file of the repository. */
export function addressOf(file: string): URL {
  return new URL(`../../../../${file}`, import.meta.url)
}

export function pathOf(file: string): string {
  return fileURLToPath(addressOf(file))
}

/**
 * The text of the file with the bug in it.
 * @throws Error when the text to be replaced is not there exactly once: the code has changed, and the mutant must follow
 */
export function mutate(text: string, { name, file, find, replace }: Mutant): string {
  const [before, after, ...more] = text.split(find)
  if (after === undefined || more.length > 0)
    throw new Error(
      `mutant ${name}: what it replaces stands ${after === undefined ? 'nowhere' : `${more.length + 1} times`} in ${file}`,
    )
  return `${before}${replace}${after}`
}
