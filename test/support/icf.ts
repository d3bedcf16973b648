import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Child } from './child.js'
import type { Place } from './place.js'

/** The `icf` command of the build in a folder. */
export function icfOf(folder: string): string {
  return join(folder, 'packages/cli/dist/main.js')
}

/** Of this build. */
export const ICF = icfOf(fileURLToPath(new URL('../../..', import.meta.url)))

/** Starts the `icf` command, as a user would. @param main of which build */
export function icf(
  args: readonly (string | number)[],
  env: NodeJS.ProcessEnv = {},
  place?: Place,
  main = ICF,
): Child {
  return new Child(`icf ${args.slice(0, 3).join(' ')}`, [main, ...args.map(String)], env, place)
}

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs an `icf` command to its end. */
export async function runIcf(
  args: readonly (string | number)[],
  env: NodeJS.ProcessEnv = {},
): Promise<Outcome> {
  const child = icf(args, env)
  const { code } = await child.exited
  return { code, stdout: child.stdout, stderr: child.stderr }
}
