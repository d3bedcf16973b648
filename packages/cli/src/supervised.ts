import type { ErrorReport } from './errors.js'

/** What a process under `icf up` tells it. */
export type ChildMessage =
  | { readonly type: 'listening'; readonly id: string }
  /** A cache server that was declared dead rejoins as a new member. */
  | { readonly type: 'id'; readonly id: string }
  | { readonly type: 'failed'; readonly error: ErrorReport }

/** Set for the processes of `icf up`. */
export const SUPERVISED = 'ICF_SUPERVISED'

const SUPERVISED_VALUE = 'by icf up'

export function supervisedEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  // What ICF_… says to `up`, it passes on as options; some names mean another thing to its processes.
  const inherited = Object.entries(env).filter(([name]) => !name.startsWith('ICF_'))
  return { ...Object.fromEntries(inherited), [SUPERVISED]: SUPERVISED_VALUE }
}

/** The link of a process to the `icf up` that started it; every call does nothing where there is none. */
export const supervisor = {
  get isThere(): boolean {
    return process.env[SUPERVISED] === SUPERVISED_VALUE && process.send !== undefined
  },

  /** Leaves at once when `icf up` is gone, whatever ended it: nothing stays behind. */
  dieWithIt(): void {
    if (!this.isThere) return
    process.on('disconnect', () => process.exit(0))
    if (!process.connected) process.exit(0)
  },

  tell(message: ChildMessage): Promise<void> {
    if (!this.isThere || !process.connected) return Promise.resolve()
    // When it can not be told any more, 'disconnect' follows.
    return new Promise((resolve) => process.send!(message, undefined, undefined, () => resolve()))
  },
}
